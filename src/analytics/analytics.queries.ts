import { type PreparedQuery, prepare, type SqlText } from '../database/sql.js';
import type { BucketSize } from './analytics.rules.js';

/*
 * All numbers come from the rollups, never from the events: usage_daily_totals by day, usage_daily_clients by day and
 * client, usage_daily by day, demo and client, usage_client_buckets by week or month and client; and from running sums
 * by demo and by client, which cost the same whatever the period holds. Parameters: :first and :last are days, both
 * included, :from and :until the same as instants.
 */

const inPeriod = `u."day" BETWEEN :first AND :last`;

/** Whether a demo or a client (of its row of totals, `t`) was in use in the period. */
const wasUsed = (what: 'demo' | 'client') => `t."last_opened_at" >= :from
  AND (t."last_opened_at" < :until OR EXISTS (
    SELECT 1 FROM "usage_${what}_balances" u WHERE u."${what}_id" = t."${what}_id" AND ${inPeriod}))`;

// Unique clients do not add up. One look at each client costs the same whatever the period holds.
const uniqueClientsIn = `(SELECT count(*) FROM "usage_client_totals" t WHERE ${wasUsed('client')})`;

/**
 * The opens and durations of a period by demo or by client, of those opened in it: the balance behind the period (or
 * the total, where nothing was opened since) less that of the first day in it. `ever` is all that was ever opened.
 * One look for each number: joined, PostgreSQL would read all balances.
 */
const sumsIn = (what: 'demo' | 'client', { of = `"usage_${what}_totals"`, where = 'TRUE' } = {}) => {
  const balance = (column: string, condition: string) =>
    `(SELECT u."${column}" FROM "usage_${what}_balances" u WHERE u."${what}_id" = t."${what}_id" AND ${condition}
      ORDER BY u."day" LIMIT 1)`;
  const gain = (column: string) =>
    `COALESCE(CASE WHEN t."last_opened_at" >= :until THEN ${balance(column, 'u."day" > :last')} END, t."${column}")
      - ${balance(column, 'u."day" >= :first')}`;
  return `(SELECT t."${what}_id" AS "id", t."opens" AS "ever", ${gain('opens')} AS "opens",
      ${gain('duration_seconds')} AS "durationSeconds"
    FROM ${of} t WHERE ${where} AND ${wasUsed(what)})`;
};

/**
 * Holds for the first `count` by opens of the period, and for few others: of those who were ever used most, so many
 * have at least some number of opens in it; who has fewer in all need not be looked at.
 */
const mayBeFirst = (what: 'demo' | 'client', ever: string, count: string | number) => {
  const most = `(SELECT "${what}_id", "opens", "duration_seconds", "last_opened_at" FROM "usage_${what}_totals"
    ORDER BY "opens" DESC LIMIT 4 * ${count})`;
  return `${ever} >= (SELECT CASE WHEN count(*) = ${count} THEN min(b."opens") ELSE 0 END
    FROM (SELECT p."opens" FROM ${sumsIn(what, { of: most })} p ORDER BY p."opens" DESC LIMIT ${count}) b)`;
};

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

/** How many clients opened anything in a whole week or month of the calendar. */
export const uniqueClientsOfBucket = prepare<{ uniqueClients: number }>(
  'analytics-unique-clients-of-bucket',
  `SELECT count(*) AS "uniqueClients" FROM "usage_client_buckets" u
   WHERE u."bucket" = :bucket AND u."start" = :start`,
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
 * alone: of a longer bucket ask `uniqueClientsOfBucket`, or `uniqueClients` where it is cut.
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
/** A row as far as its numbers are sums. */
export type SummedUsage<Row> = Omit<Row, 'title' | 'name' | 'uniqueClients' | 'lastOpenedAt'>;
const usageTypes = { opens: 'integer', durationSeconds: 'integer' } as const;

/**
 * Usage by demo or by client, of those in use in the period: a table named `p` for `Lists`, the columns of a row, and
 * for the total one look at each. `named` adds their names, `m."name"`, for lists that are sorted by them.
 */
const usageBy = (what: 'demo' | 'client', name: string) => ({
  select: `p."id" AS "${what}Id", p."opens", p."durationSeconds"`,
  from: `${sumsIn(what)} p`,
  named: `JOIN (SELECT m."id", ${name} AS "name" FROM "${what}s" m) m ON m."id" = p."id"`,
  /** Of a list sorted by opens, the most first. */
  firstPage: mayBeFirst(what, 'p."ever"', ':limitPlusOne'),
  totalFrom: `(SELECT 1 FROM "usage_${what}_totals" t WHERE ${wasUsed(what)}) t`,
  types: usageTypes,
  id: 'p."id"',
});
const clientName = `CASE WHEN m."erased_at" IS NULL THEN m."name" END`;
export const demoUsage = usageBy('demo', 'm."title"');
export const clientUsage = usageBy('client', clientName);

/** What of a demo's or a client's usage is no sum. */
export interface UsageDetails {
  id: string;
  /** A demo's title, or a client's name; null of an erased client. */
  name: string | null;
  uniqueClients: number;
  lastOpenedAt: Date;
}
const detailTypes = { uniqueClients: 'integer', lastOpenedAt: 'instant' } as const;
/**
 * Where nothing was opened behind the period, the totals say when it was last, and for how many clients each day was
 * the last one: what of that lies in the period is its unique clients. Else they are counted.
 */
const detailsOf = (what: 'demo' | 'client', daily: string, name: string, uniqueClients: string) => {
  const [key, ofThis] = [`${what}_id`, `u."${what}_id" = t."${what}_id"`];
  const columns = `t."${key}" AS "id", ${uniqueClients} AS "uniqueClients",
    CASE WHEN t."last_opened_at" < :until THEN t."last_opened_at" ELSE (
      SELECT max(u."last_opened_at") FROM "${daily}" u WHERE ${ofThis} AND u."day" = (
        SELECT max(u."day") FROM "usage_${what}_balances" u WHERE ${ofThis} AND ${inPeriod})) END AS "lastOpenedAt"`;
  return {
    /** Of those in the list `:...ids`. */
    some: `SELECT ${columns}, ${name} AS "name" FROM "usage_${what}_totals" t JOIN "${what}s" m ON m."id" = t."${key}"
      WHERE t."${key}" IN (:...ids) AND ${wasUsed(what)}`,
    /** Of all who opened or were opened: for lists that are sorted by it. */
    all: `(SELECT ${columns} FROM "usage_${what}_totals" t WHERE ${wasUsed(what)})`,
    types: detailTypes,
  };
};
export const demoDetails = detailsOf(
  'demo',
  'usage_daily',
  'm."title"',
  `CASE WHEN t."last_opened_at" < :until THEN (
      SELECT sum(u."last_clients") FROM "usage_demo_balances" u WHERE u."demo_id" = t."demo_id" AND ${inPeriod})
    ELSE (SELECT count(DISTINCT u."client_id") FROM "usage_daily" u WHERE u."demo_id" = t."demo_id" AND ${inPeriod}) END`,
);
export const clientDetails = detailsOf('client', 'usage_daily_clients', clientName, '1');

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

/** The five most opened demos, or the five clients who opened most, of the period. */
const topOf = (what: 'demo' | 'client') =>
  `SELECT p."id" AS "${what}Id", p."opens", p."durationSeconds"
   FROM ${sumsIn(what, { where: mayBeFirst(what, 't."opens"', 5) })} p ORDER BY p."opens" DESC, p."id" DESC LIMIT 5`;
export const topDemos = prepare<SummedUsage<DemoUsageRow>>('analytics-top-demos', topOf('demo'), usageTypes);
export const topClients = prepare<SummedUsage<ClientUsageRow>>(
  'analytics-top-clients',
  topOf('client'),
  usageTypes,
);
