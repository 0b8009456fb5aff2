import { type PreparedQuery, prepare, type SqlText } from '../database/sql.js';
import type { BucketSize } from './analytics.rules.js';

/*
 * All numbers come from the daily rollups, never from the events: usage_daily_totals by day, usage_daily_clients by
 * day and client, usage_daily by day, demo and client. Parameters: :first and :last are days, both included.
 */

const inPeriod = `u."day" BETWEEN :first AND :last`;

// Unique clients do not add up. One probe of an index for each client costs the same whatever the period holds.
const uniqueClientsIn = `(SELECT count(*) FROM "clients" c WHERE EXISTS (
    SELECT 1 FROM "usage_daily_clients" u WHERE u."client_id" = c."id" AND ${inPeriod}))`;

const unrevoked = `("revoked_at" IS NULL OR "revoked_at" > :now)`;
const clientIs = {
  revoked: `"revoked_at" <= :now`,
  scheduled: `${unrevoked} AND "access_starts_at" > :now`,
  expired: `${unrevoked} AND "access_starts_at" <= :now AND "access_ends_at" <= :now`,
  active: `${unrevoked} AND "access_starts_at" <= :now AND "access_ends_at" > :now`,
};
const countIf = (condition: string) => `COALESCE(sum(CASE WHEN ${condition} THEN 1 ELSE 0 END), 0)`;

export interface OverviewRow {
  active: number;
  scheduled: number;
  expired: number;
  revoked: number;
  expiringSoon: number;
  demos: number;
  pendingRequests: number;
  opens: number;
  durationSeconds: number;
  uniqueClients: number;
}

/** What the overview counts, at one instant. Clients by the status of product.md, erased ones not. */
export const overview = prepare<OverviewRow>(
  'analytics-overview',
  `SELECT s.*,
     (SELECT count(*) FROM "demos" WHERE "status" = 'published') AS "demos",
     (SELECT count(*) FROM "requests" WHERE "status" = 'pending') AS "pendingRequests",
     (SELECT COALESCE(sum(u."opens"), 0) FROM "usage_daily_totals" u WHERE ${inPeriod}) AS "opens",
     (SELECT COALESCE(sum(u."duration_seconds"), 0) FROM "usage_daily_totals" u WHERE ${inPeriod}) AS "durationSeconds",
     ${uniqueClientsIn} AS "uniqueClients"
   FROM (SELECT
       ${countIf(clientIs.active)} AS "active",
       ${countIf(clientIs.scheduled)} AS "scheduled",
       ${countIf(clientIs.expired)} AS "expired",
       ${countIf(clientIs.revoked)} AS "revoked",
       ${countIf(`${clientIs.active} AND "access_ends_at" <= :soon`)} AS "expiringSoon"
     FROM "clients" WHERE "erased_at" IS NULL) s`,
  {
    active: 'integer',
    scheduled: 'integer',
    expired: 'integer',
    revoked: 'integer',
    expiringSoon: 'integer',
    demos: 'integer',
    pendingRequests: 'integer',
    opens: 'integer',
    durationSeconds: 'integer',
    uniqueClients: 'integer',
  },
);

/** How many clients opened anything in the period. */
export const uniqueClients = prepare<{ uniqueClients: number }>(
  'analytics-unique-clients',
  `SELECT ${uniqueClientsIn} AS "uniqueClients"`,
  { uniqueClients: 'integer' },
);

export interface BucketRow {
  /** The day the bucket starts. */
  start: string;
  opens: number;
  durationSeconds: number;
  uniqueClients: number;
}
const bucketTypes = { opens: 'integer', durationSeconds: 'integer', uniqueClients: 'integer' } as const;

const startOf: Record<BucketSize, SqlText> = {
  day: `u."day"`,
  week: {
    sqlite: `date(u."day", 'weekday 0', '-6 days')`,
    postgres: `to_char(date_trunc('week', u."day"::date), 'YYYY-MM-DD')`,
  },
  month: `substr(u."day", 1, 7) || '-01'`,
};

/**
 * Opens by bucket, over all clients and demos; buckets without opens are not there. `uniqueClients` is right by day
 * alone: of a longer bucket ask `uniqueClients`.
 */
export const opensBy = perSize((size) =>
  bucketQuery(size, 'all', 'usage_daily_totals', `sum(u."unique_clients")`, inPeriod),
);

/** The same of one demo, of one client, and of both. */
export const opensOf = {
  demo: perSize((size) =>
    bucketQuery(
      size,
      'demo',
      'usage_daily',
      `count(DISTINCT u."client_id")`,
      `u."demo_id" = :demoId AND ${inPeriod}`,
    ),
  ),
  client: perSize((size) =>
    bucketQuery(
      size,
      'client',
      'usage_daily_clients',
      `count(DISTINCT u."client_id")`,
      `u."client_id" = :clientId AND ${inPeriod}`,
    ),
  ),
  both: perSize((size) =>
    bucketQuery(
      size,
      'both',
      'usage_daily',
      `count(DISTINCT u."client_id")`,
      `u."demo_id" = :demoId AND u."client_id" = :clientId AND ${inPeriod}`,
    ),
  ),
};

function perSize<T>(make: (size: BucketSize) => T): Record<BucketSize, T> {
  return { day: make('day'), week: make('week'), month: make('month') };
}

function bucketQuery(
  size: BucketSize,
  name: string,
  table: string,
  uniques: string,
  where: string,
): PreparedQuery<BucketRow> {
  const start = startOf[size];
  const sql = (expression: string) =>
    `SELECT ${expression} AS "start", sum(u."opens") AS "opens", sum(u."duration_seconds") AS "durationSeconds",
       ${uniques} AS "uniqueClients"
     FROM "${table}" u WHERE ${where} GROUP BY 1`;
  const text: SqlText =
    typeof start === 'string' ? sql(start) : { sqlite: sql(start.sqlite), postgres: sql(start.postgres) };
  return prepare<BucketRow>(`analytics-opens-${name}-${size}`, text, bucketTypes);
}

export interface DemoUsageRow {
  demoId: string;
  title: string;
  opens: number;
  uniqueClients: number;
  durationSeconds: number;
  lastOpenedAt: Date;
}
export interface ClientUsageRow {
  clientId: string;
  /** null of an erased client. */
  name: string | null;
  opens: number;
  durationSeconds: number;
  lastOpenedAt: Date;
}
const sums = `sum(u."opens") AS "opens", sum(u."duration_seconds") AS "durationSeconds", max(u."last_opened_at") AS "lastOpenedAt"`;
const usageTypes = { opens: 'integer', durationSeconds: 'integer', lastOpenedAt: 'instant' } as const;

/** Usage by demo, of those opened in the period: a table named `d` for `Lists`, and the columns of a row. */
export const demoUsage = {
  select: `d."demoId", d."title", d."opens", d."uniqueClients", d."durationSeconds", d."lastOpenedAt"`,
  from: `(SELECT u."demo_id" AS "demoId", m."title", ${sums}, count(DISTINCT u."client_id") AS "uniqueClients"
    FROM "usage_daily" u JOIN "demos" m ON m."id" = u."demo_id" WHERE ${inPeriod} GROUP BY u."demo_id", m."title") d`,
  types: { ...usageTypes, uniqueClients: 'integer' },
} as const;

/** Usage by client, of those who opened something in the period: as `demoUsage`, named `c`. */
export const clientUsage = {
  select: `c."clientId", c."name", c."opens", c."durationSeconds", c."lastOpenedAt"`,
  from: `(SELECT u."client_id" AS "clientId", CASE WHEN p."erased_at" IS NULL THEN p."name" END AS "name", ${sums}
    FROM "usage_daily_clients" u JOIN "clients" p ON p."id" = u."client_id" WHERE ${inPeriod}
    GROUP BY u."client_id", p."name", p."erased_at") c`,
  types: usageTypes,
} as const;

/** What a picture about one demo, one client or both is called; null where there is none such. */
export const chartNames = prepare<{ demo: string | null; client: string | null }>(
  'analytics-chart-names',
  `SELECT (SELECT "title" FROM "demos" WHERE "id" = :demoId) AS "demo",
     (SELECT "name" FROM "clients" WHERE "id" = :clientId AND "erased_at" IS NULL) AS "client"`,
);

/** The usage events of a period `[:from, :until)`, with the names as they are now: for `Lists`. */
export const events = {
  select: `u."id", u."at", u."kind", u."demo_session_id" AS "demoSessionId", u."demo_id" AS "demoId",
    d."title" AS "demoTitle", u."client_id" AS "clientId",
    CASE WHEN c."erased_at" IS NULL THEN c."name" END AS "clientName", u."duration_seconds" AS "durationSeconds"`,
  // LEFT, so that SQLite walks the events in their order and does not begin with the demos.
  from: `"usage_analytics" u LEFT JOIN "demos" d ON d."id" = u."demo_id" LEFT JOIN "clients" c ON c."id" = u."client_id"`,
  since: 'u."at" >= :from',
  until: 'u."at" < :until',
  ofDemo: 'u."demo_id" = :demoId',
  ofClient: 'u."client_id" = :clientId',
  types: { at: 'instant' },
  id: 'u."id"',
  sorts: { at: { expression: 'u."at"', kind: 'instant' } },
} as const;

/** The five most opened demos of the period. The clients are counted for those five alone. */
export const topDemos = prepare<DemoUsageRow>(
  'analytics-top-demos',
  `SELECT t.*, m."title", (SELECT count(DISTINCT u."client_id") FROM "usage_daily" u
       WHERE u."demo_id" = t."demoId" AND ${inPeriod}) AS "uniqueClients"
   FROM (SELECT u."demo_id" AS "demoId", ${sums} FROM "usage_daily" u WHERE ${inPeriod}
     GROUP BY u."demo_id" ORDER BY 2 DESC, 1 DESC LIMIT 5) t
   JOIN "demos" m ON m."id" = t."demoId" ORDER BY t."opens" DESC, t."demoId" DESC`,
  demoUsage.types,
);

/** The five clients who opened most in the period. */
export const topClients = prepare<ClientUsageRow>(
  'analytics-top-clients',
  `SELECT t.*, CASE WHEN p."erased_at" IS NULL THEN p."name" END AS "name"
   FROM (SELECT u."client_id" AS "clientId", ${sums} FROM "usage_daily_clients" u WHERE ${inPeriod}
     GROUP BY u."client_id" ORDER BY 2 DESC, 1 DESC LIMIT 5) t
   JOIN "clients" p ON p."id" = t."clientId" ORDER BY t."opens" DESC, t."clientId" DESC`,
  usageTypes,
);
