import { prepare, type PreparedQuery, type SqlText } from '../database/sql.js';

export const addEvent = prepare(
  'usage-add-event',
  `INSERT INTO "usage_analytics" ("id", "demo_session_id", "client_id", "demo_id", "kind", "at", "duration_seconds")
   VALUES (:id, :demoSessionId, :clientId, :demoId, :kind, :at, :durationSeconds)`,
);

export const addToDemo = prepare(
  'usage-add-to-demo',
  `INSERT INTO "usage_daily" ("day", "demo_id", "client_id", "opens", "duration_seconds", "last_opened_at")
   VALUES (:day, :demoId, :clientId, :opens, :durationSeconds, :lastOpenedAt)
   ON CONFLICT ("day", "demo_id", "client_id") DO UPDATE SET
     "opens" = "usage_daily"."opens" + excluded."opens",
     "duration_seconds" = "usage_daily"."duration_seconds" + excluded."duration_seconds",
     "last_opened_at" = CASE WHEN excluded."last_opened_at" > "usage_daily"."last_opened_at"
       THEN excluded."last_opened_at" ELSE "usage_daily"."last_opened_at" END`,
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
  demos: runningSumsOf('demo', 'usage_daily'),
  clients: runningSumsOf('client', 'usage_daily_clients'),
};

function runningSumsOf(what: 'demo' | 'client', daily: string): RunningSums {
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
      `INSERT INTO "${balances}" ("${key}", "day", "opens", "duration_seconds")
       SELECT "${key}", "day", sum("opens") OVER "earlier" - "opens", sum("duration_seconds") OVER "earlier" - "duration_seconds"
       FROM (${grouped}) d WINDOW "earlier" AS (PARTITION BY "${key}" ORDER BY "day")`,
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
         OR COALESCE(e."duration_seconds", t."duration_seconds") - s."duration_seconds" IS DISTINCT FROM u."duration_seconds"`,
    ),
  };
}
