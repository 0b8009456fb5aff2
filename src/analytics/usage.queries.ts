import { prepare } from '../database/sql.js';

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
