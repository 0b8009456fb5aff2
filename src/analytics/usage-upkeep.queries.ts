import { prepare } from '../database/sql.js';

export const firstEvent = prepare<{ at: Date | null }>(
  'usage-first-event',
  `SELECT min("at") AS "at" FROM "usage_analytics"`,
  { at: 'instant' },
);

/** Usage of one demo by one client on one day, counted from the events. */
export interface CountedUsage {
  demoId: string;
  clientId: string;
  opens: number;
  durationSeconds: number;
  lastOpenedAt: Date;
}

/** What was opened in `[from, to)`, with the durations of what of it has ended; no session lives until `:ended`. */
export const countedUsage = prepare<CountedUsage>(
  'usage-counted',
  `SELECT o."demo_id" AS "demoId", o."client_id" AS "clientId", count(*) AS "opens",
     COALESCE(sum(e."duration_seconds"), 0) AS "durationSeconds", max(o."at") AS "lastOpenedAt"
   FROM "usage_analytics" o
   LEFT JOIN "usage_analytics" e ON e."demo_session_id" = o."demo_session_id" AND e."kind" = 'ended'
     AND e."at" >= :from AND e."at" < :ended
   WHERE o."kind" = 'opened' AND o."at" >= :from AND o."at" < :to
   GROUP BY o."demo_id", o."client_id" ORDER BY o."demo_id", o."client_id"`,
  { opens: 'integer', durationSeconds: 'integer', lastOpenedAt: 'instant' },
);
