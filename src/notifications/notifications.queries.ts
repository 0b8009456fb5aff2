import { prepare } from '../database/sql.js';

/** Adds a line; none when its dedupe key is there already. */
export const addLine = prepare(
  'notification-add',
  `INSERT INTO "notifications" ("id", "user_id", "client_id", "kind", "params", "dedupe_key", "created_at")
   VALUES (:id, :userId, :clientId, :kind, :params, :dedupeKey, :now) ON CONFLICT ("dedupe_key") DO NOTHING`,
);

/** Every administrator. */
export const administrators = prepare<{ id: string }>(
  'notification-administrators',
  `SELECT "id" FROM "users" WHERE "role" = 'admin' AND "removed_at" IS NULL ORDER BY "id"`,
);
