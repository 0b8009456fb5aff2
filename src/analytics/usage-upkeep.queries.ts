import { prepare } from '../database/sql.js';

export const firstEvent = prepare<{ at: Date | null }>(
  'usage-first-event',
  `SELECT min("at") AS "at" FROM "usage_analytics"`,
  { at: 'instant' },
);

/** Newest first. */
export const usedDays = prepare<{ day: string }>(
  'usage-days',
  `SELECT "day" FROM "usage_daily_totals" ORDER BY "day" DESC`,
);

const sum = (column: string, table: string) => `(SELECT COALESCE(sum("${column}"), 0) FROM "${table}")`;
const gap = (column: string, what: string) =>
  `${sum(column, 'usage_daily_totals')} - ${sum(column, `usage_${what}_totals`)}`;

/** By how much the running sums, a row for each demo and client, miss what the days' totals say: one snapshot. */
export const gapInSums = prepare<
  Record<'demoOpens' | 'demoSeconds' | 'clientOpens' | 'clientSeconds', number>
>(
  'usage-gap-in-sums',
  `SELECT ${gap('opens', 'demo')} AS "demoOpens", ${gap('duration_seconds', 'demo')} AS "demoSeconds",
     ${gap('opens', 'client')} AS "clientOpens", ${gap('duration_seconds', 'client')} AS "clientSeconds"`,
  { demoOpens: 'integer', demoSeconds: 'integer', clientOpens: 'integer', clientSeconds: 'integer' },
);

/** Usage of one demo by one client on one day, counted from the events. */
export interface CountedUsage {
  demoId: string;
  clientId: string;
  opens: number;
  durationSeconds: number;
  lastOpenedAt: Date;
}

/**
 * What was opened in `[from, to)`, with the durations of what of it has ended; no session lives until `:ended`.
 * PostgreSQL reads once and groups by session: where it has no statistics yet, as on a database that was just filled,
 * it would join the table with itself row by row. SQLite joins by an index that it makes, which is faster there.
 */
export const countedUsage = prepare<CountedUsage>(
  'usage-counted',
  {
    sqlite: `SELECT o."demo_id" AS "demoId", o."client_id" AS "clientId", count(*) AS "opens",
       COALESCE(sum(e."duration_seconds"), 0) AS "durationSeconds", max(o."at") AS "lastOpenedAt"
     FROM "usage_analytics" o
     LEFT JOIN "usage_analytics" e ON e."demo_session_id" = o."demo_session_id" AND e."kind" = 'ended'
       AND e."at" >= :from AND e."at" < :ended
     WHERE o."kind" = 'opened' AND o."at" >= :from AND o."at" < :to
     GROUP BY o."demo_id", o."client_id" ORDER BY o."demo_id", o."client_id"`,
    postgres: `SELECT s."demo_id" AS "demoId", s."client_id" AS "clientId", sum(s."opens") AS "opens",
       sum(s."duration_seconds") AS "durationSeconds", max(s."opened_at") AS "lastOpenedAt"
     FROM (SELECT "demo_session_id", "demo_id", "client_id",
         count(CASE WHEN "kind" = 'opened' AND "at" < :to THEN 1 END) AS "opens",
         COALESCE(sum(CASE WHEN "kind" = 'ended' THEN "duration_seconds" END), 0) AS "duration_seconds",
         max(CASE WHEN "kind" = 'opened' AND "at" < :to THEN "at" END) AS "opened_at"
       FROM "usage_analytics" WHERE "at" >= :from AND "at" < :ended AND "kind" IN ('opened', 'ended')
       GROUP BY "demo_session_id", "demo_id", "client_id") s
     WHERE s."opens" > 0 GROUP BY s."demo_id", s."client_id" ORDER BY s."demo_id", s."client_id"`,
  },
  { opens: 'integer', durationSeconds: 'integer', lastOpenedAt: 'instant' },
);
