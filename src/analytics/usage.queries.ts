import { prepare, type PreparedQuery, type SqlText } from '../database/sql.js';

export const addEvent = prepare(
  'usage-add-event',
  `INSERT INTO "usage_analytics" ("id", "demo_session_id", "client_id", "demo_id", "kind", "at", "duration_seconds")
   VALUES (:id, :demoSessionId, :clientId, :demoId, :kind, :at, :durationSeconds)`,
);

export const addToDemo = prepare<{ opens: number }>(
  'usage-add-to-demo',
  `INSERT INTO "usage_daily" ("day", "demo_id", "client_id", "opens", "duration_seconds", "last_opened_at")
   VALUES (:day, :demoId, :clientId, :opens, :durationSeconds, :lastOpenedAt)
   ON CONFLICT ("day", "demo_id", "client_id") DO UPDATE SET
     "opens" = "usage_daily"."opens" + excluded."opens",
     "duration_seconds" = "usage_daily"."duration_seconds" + excluded."duration_seconds",
     "last_opened_at" = CASE WHEN excluded."last_opened_at" > "usage_daily"."last_opened_at"
       THEN excluded."last_opened_at" ELSE "usage_daily"."last_opened_at" END
   RETURNING "opens"`,
);
export const addToClient = prepare<{ opens: number }>(
  'usage-add-to-client',
  `INSERT INTO "usage_daily_clients" ("day", "client_id", "opens", "duration_seconds", "last_opened_at")
   VALUES (:day, :clientId, :opens, :durationSeconds, :lastOpenedAt)
   ON CONFLICT ("day", "client_id") DO UPDATE SET
     "opens" = "usage_daily_clients"."opens" + excluded."opens",
     "duration_seconds" = "usage_daily_clients"."duration_seconds" + excluded."duration_seconds",
     "last_opened_at" = CASE WHEN excluded."last_opened_at" > "usage_daily_clients"."last_opened_at"
       THEN excluded."last_opened_at" ELSE "usage_daily_clients"."last_opened_at" END
   RETURNING "opens"`,
);
export const addToDay = prepare(
  'usage-add-to-day',
  `INSERT INTO "usage_daily_totals" ("day", "opens", "unique_clients", "duration_seconds")
   VALUES (:day, :opens, :newClients, :durationSeconds)
   ON CONFLICT ("day") DO UPDATE SET
     "opens" = "usage_daily_totals"."opens" + excluded."opens",
     "unique_clients" = "usage_daily_totals"."unique_clients" + excluded."unique_clients",
     "duration_seconds" = "usage_daily_totals"."duration_seconds" + excluded."duration_seconds"`,
);

/** Notes that a client opened something in a week or a month. */
export const addToBucket = prepare(
  'usage-add-to-bucket',
  `INSERT INTO "usage_client_buckets" ("bucket", "start", "client_id") VALUES (:bucket, :start, :clientId)
   ON CONFLICT ("bucket", "start", "client_id") DO NOTHING`,
);

/** Notes it of all clients of a day. */
export const noteBucket = `INSERT INTO "usage_client_buckets" ("bucket", "start", "client_id")
  SELECT CAST(:bucket AS varchar), CAST(:first AS varchar), "client_id" FROM "usage_daily_clients" WHERE "day" = :day
  ON CONFLICT ("bucket", "start", "client_id") DO NOTHING`;

/** Takes it back of a client who opened nothing in it. */
export const clearBucket = `DELETE FROM "usage_client_buckets"
  WHERE "bucket" = :bucket AND "start" = :first AND "client_id" = :clientId AND NOT EXISTS (
    SELECT 1 FROM "usage_daily_clients" u WHERE u."client_id" = :clientId AND u."day" BETWEEN :first AND :last)`;

/**
 * Makes a day the last one of a client with a demo, unless a later one is; the one before is not the last any more.
 * `:first` is the first of the days that are new, mostly the same.
 */
export const markLastDay = prepare(
  'usage-mark-last-day',
  `UPDATE "usage_demo_balances" SET "last_clients" = "last_clients" + CASE WHEN "day" = :day THEN 1 ELSE -1 END
   WHERE "demo_id" = :demoId AND "day" IN (:day, (SELECT max(u."day") FROM "usage_daily" u
       WHERE u."client_id" = :clientId AND u."demo_id" = :demoId AND u."day" < :first))
     AND NOT EXISTS (SELECT 1 FROM "usage_daily" u
       WHERE u."client_id" = :clientId AND u."demo_id" = :demoId AND u."day" > :day)`,
);

/** Running sums of one demo or of one client. */
interface RunningSums {
  /** Adds to all that was ever opened; holds the row, so that of two units the later sees what the earlier carries. */
  add: PreparedQuery<{ opens: number; durationSeconds: number; lastOpenedAt: Date }>;
  /** Writes what had been opened before a day, where that is not known yet. */
  carry: PreparedQuery<never>;
  /** Adds to what had been opened before each later day. */
  shift: PreparedQuery<never>;
  /** Takes all sums of some (`:...ids`) away. */
  clear: [SqlText, SqlText];
  /** Makes them anew from the daily rollup. */
  rebuild: [SqlText, SqlText];
  /** Of those opened on a day, the ones whose sums say something else about it than the daily rollup. */
  differing: PreparedQuery<{ id: string }>;
}

export const runningSums = {
  demos: runningSumsOf('demo', 'usage_daily', {
    join: `LEFT JOIN (SELECT "id", "last", count(*) AS "last_clients" FROM
        (SELECT "demo_id" AS "id", max("day") AS "last" FROM "usage_daily" WHERE "demo_id" IN (:...ids)
         GROUP BY "demo_id", "client_id") c GROUP BY "id", "last") l
      ON l."id" = d."demo_id" AND l."last" = d."day"`,
    onDay: `(SELECT count(*) FROM "usage_daily" c WHERE c."day" = :day AND c."demo_id" = u."id" AND NOT EXISTS (
      SELECT 1 FROM "usage_daily" n WHERE n."client_id" = c."client_id" AND n."demo_id" = c."demo_id" AND n."day" > :day))`,
  }),
  clients: runningSumsOf('client', 'usage_daily_clients'),
};

/** @param lastClients where a demo's clients of whom a day is the last come from: of each day, and of one */
function runningSumsOf(
  what: 'demo' | 'client',
  daily: string,
  lastClients?: { join: string; onDay: string },
): RunningSums {
  const [totals, balances, key] = [`usage_${what}_totals`, `usage_${what}_balances`, `${what}_id`];
  // PostgreSQL would take it for varchar in one place and for text in the other.
  const day = 'CAST(:day AS varchar)';
  const next = (column: string) =>
    `(SELECT n."${column}" FROM "${balances}" n WHERE n."${key}" = :id AND n."day" > ${day} ORDER BY n."day" LIMIT 1)`;
  const grouped = `SELECT "${key}", "day", sum("opens") AS "opens", sum("duration_seconds") AS "duration_seconds"
    FROM "${daily}" WHERE "${key}" IN (:...ids) GROUP BY "${key}", "day"`;
  return {
    add: prepare(
      `usage-add-to-${what}-total`,
      `INSERT INTO "${totals}" ("${key}", "opens", "duration_seconds", "last_opened_at")
       VALUES (:id, :opens, :durationSeconds, :lastOpenedAt)
       ON CONFLICT ("${key}") DO UPDATE SET
         "opens" = "${totals}"."opens" + excluded."opens",
         "duration_seconds" = "${totals}"."duration_seconds" + excluded."duration_seconds",
         "last_opened_at" = CASE WHEN excluded."last_opened_at" > "${totals}"."last_opened_at"
           THEN excluded."last_opened_at" ELSE "${totals}"."last_opened_at" END
       RETURNING "opens", "duration_seconds" AS "durationSeconds", "last_opened_at" AS "lastOpenedAt"`,
      { durationSeconds: 'integer', lastOpenedAt: 'instant' },
    ),
    carry: prepare(
      `usage-carry-${what}`,
      `INSERT INTO "${balances}" ("${key}", "day", "opens", "duration_seconds")
       VALUES (:id, ${day}, COALESCE(${next('opens')}, :opensBefore), COALESCE(${next('duration_seconds')}, :durationBefore))
       ON CONFLICT ("${key}", "day") DO NOTHING`,
    ),
    shift: prepare(
      `usage-shift-${what}`,
      `UPDATE "${balances}" SET "opens" = "opens" + :opens, "duration_seconds" = "duration_seconds" + :durationSeconds
       WHERE "${key}" = :id AND "day" > :day`,
    ),
    clear: [
      `DELETE FROM "${balances}" WHERE "${key}" IN (:...ids)`,
      `DELETE FROM "${totals}" WHERE "${key}" IN (:...ids)`,
    ],
    rebuild: [
      `INSERT INTO "${totals}" ("${key}", "opens", "duration_seconds", "last_opened_at")
       SELECT "${key}", sum("opens"), sum("duration_seconds"), max("last_opened_at")
       FROM "${daily}" WHERE "${key}" IN (:...ids) GROUP BY "${key}"`,
      `INSERT INTO "${balances}" ("${key}", "day", "opens", "duration_seconds"${lastClients ? ', "last_clients"' : ''})
       SELECT "${key}", "day", sum("opens") OVER "earlier" - "opens", sum("duration_seconds") OVER "earlier" - "duration_seconds"
         ${lastClients ? ', COALESCE("last_clients", 0)' : ''}
       FROM (${grouped}) d ${lastClients?.join ?? ''} WINDOW "earlier" AS (PARTITION BY "${key}" ORDER BY "day")`,
    ],
    differing: prepare(
      `usage-differing-${what}`,
      `SELECT u."id" FROM (SELECT "${key}" AS "id", sum("opens") AS "opens", sum("duration_seconds") AS "duration_seconds"
         FROM "${daily}" WHERE "day" = :day GROUP BY "${key}") u
       LEFT JOIN "${totals}" t ON t."${key}" = u."id"
       LEFT JOIN "${balances}" s ON s."${key}" = u."id" AND s."day" = :day
       LEFT JOIN "${balances}" e ON e."${key}" = u."id" AND e."day" =
         (SELECT min(n."day") FROM "${balances}" n WHERE n."${key}" = u."id" AND n."day" > :day)
       WHERE COALESCE(e."opens", t."opens") - s."opens" IS DISTINCT FROM u."opens"
         OR COALESCE(e."duration_seconds", t."duration_seconds") - s."duration_seconds" IS DISTINCT FROM u."duration_seconds"
         ${lastClients ? `OR s."last_clients" IS DISTINCT FROM ${lastClients.onDay}` : ''}`,
    ),
  };
}
