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

/** A mail that one sender has taken. */
export interface ClaimedMail {
  id: string;
  userId: string | null;
  clientId: string | null;
  template: string;
  content: string;
  createdAt: Date;
  attempts: number;
}

const claim = (
  skip: string,
) => `UPDATE "mail_outbox" SET "attempts" = "attempts" + 1, "next_attempt_at" = :until
  WHERE "id" = (SELECT "id" FROM "mail_outbox" WHERE "next_attempt_at" <= :now
    ORDER BY "attempts", "next_attempt_at", "id" LIMIT 1${skip})
  RETURNING "id", "user_id" AS "userId", "client_id" AS "clientId", "template", "content",
    "created_at" AS "createdAt", "attempts"`;

/** Takes the next mail; until `:until` nobody else does. */
export const claimMail = prepare<ClaimedMail>(
  'mail-claim',
  { sqlite: claim(''), postgres: claim(' FOR UPDATE SKIP LOCKED') },
  { createdAt: 'instant' },
);
