import type { Database } from '../database/database.js';
import { prepare } from '../database/sql.js';
import type { NotificationKind, NotificationParams } from './notification-params.js';

/** A line as it is stored. */
export interface NotificationRow {
  id: string;
  kind: NotificationKind;
  params: NotificationParams[NotificationKind];
  createdAt: Date;
  readAt: Date | null;
}

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

/** Returns the names, with the company, of the clients that these tell of; one who was erased has none. */
export async function clientNames(
  database: Database,
  told: readonly { params: object }[],
): Promise<Map<string, string>> {
  const ids = told.flatMap(({ params }) => ('clientId' in params ? [params.clientId] : []));
  if (ids.length === 0) return new Map();
  const rows = await database.query<{ id: string; name: string; company: string | null }>(
    `SELECT "id", "name", "company" FROM "clients" WHERE "id" IN (:...ids) AND "erased_at" IS NULL`,
    { ids: [...new Set(ids)] },
  );
  return new Map(rows.map(({ id, name, company }) => [id, company ? `${name} (${company})` : name]));
}
