import type { ColumnTypes, SqlText } from '../database/sql.js';

/** A part of what is held about a client: the rows of `:clientId`, secrets left out. */
export interface HeldPart {
  sql: SqlText;
  types: ColumnTypes<Record<string, unknown>>;
}

/**
 * What every feature's tables hold about one person, beside the client's own row, demo sessions and audit log. A table
 * with a `client_id` that is not named here fails a test.
 */
export const heldParts = {
  credentials: {
    sql: `SELECT "email_key" AS "emailKey", "password_hash" IS NOT NULL AS "hasPassword",
        "password_changed_at" AS "passwordChangedAt"
      FROM "credentials" WHERE "client_id" = :clientId`,
    types: { hasPassword: 'boolean', passwordChangedAt: 'instant' },
  },
  links: {
    sql: `SELECT "purpose", "created_at" AS "createdAt", "expires_at" AS "expiresAt"
      FROM "account_tokens" WHERE "client_id" = :clientId ORDER BY "created_at"`,
    types: { createdAt: 'instant', expiresAt: 'instant' },
  },
  sessions: {
    sql: `SELECT "id", "ip", "user_agent" AS "userAgent", "created_at" AS "createdAt", "last_used_at" AS "lastUsedAt",
        "expires_at" AS "expiresAt", "ended_at" AS "endedAt", "end_reason" AS "endReason"
      FROM "sessions" WHERE "client_id" = :clientId ORDER BY "created_at", "id"`,
    types: { createdAt: 'instant', lastUsedAt: 'instant', expiresAt: 'instant', endedAt: 'instant' },
  },
  accessHistory: {
    sql: `SELECT "at", "access_starts_at" AS "accessStartsAt", "access_ends_at" AS "accessEndsAt",
        "revoked_at" AS "revokedAt"
      FROM "client_access_changes" WHERE "client_id" = :clientId ORDER BY "at", "id"`,
    types: { at: 'instant', accessStartsAt: 'instant', accessEndsAt: 'instant', revokedAt: 'instant' },
  },
  grants: {
    sql: `SELECT g."demo_id" AS "demoId", d."title", g."starts_at" AS "startsAt", g."ends_at" AS "endsAt",
        g."granted_at" AS "grantedAt", g."removed_at" AS "removedAt"
      FROM "client_demo_access" g JOIN "demos" d ON d."id" = g."demo_id"
      WHERE g."client_id" = :clientId ORDER BY g."granted_at", g."id"`,
    types: { startsAt: 'instant', endsAt: 'instant', grantedAt: 'instant', removedAt: 'instant' },
  },
  basket: {
    sql: `SELECT b."demo_id" AS "demoId", d."title", b."added_at" AS "addedAt"
      FROM "basket_items" b JOIN "demos" d ON d."id" = b."demo_id"
      WHERE b."client_id" = :clientId ORDER BY b."added_at", b."demo_id"`,
    types: { addedAt: 'instant' },
  },
  requests: {
    sql: `SELECT "id", "kind", "status", "days", "message", "note", "created_at" AS "createdAt",
        "decided_at" AS "decidedAt"
      FROM "requests" WHERE "client_id" = :clientId ORDER BY "created_at", "id"`,
    types: { createdAt: 'instant', decidedAt: 'instant' },
  },
  requestItems: {
    sql: `SELECT i."request_id" AS "requestId", i."demo_id" AS "demoId", d."title", i."approved"
      FROM "requests" r JOIN "request_items" i ON i."request_id" = r."id" JOIN "demos" d ON d."id" = i."demo_id"
      WHERE r."client_id" = :clientId ORDER BY r."created_at", i."request_id", i."demo_id"`,
    types: { approved: 'boolean' },
  },
  usage: {
    sql: `SELECT "id", "at", "kind", "demo_session_id" AS "demoSessionId", "demo_id" AS "demoId",
        "duration_seconds" AS "durationSeconds"
      FROM "usage_analytics" WHERE "client_id" = :clientId ORDER BY "at", "id"`,
    types: { at: 'instant' },
  },
  usageByDay: {
    sql: `SELECT "day", "demo_id" AS "demoId", "opens", "duration_seconds" AS "durationSeconds",
        "last_opened_at" AS "lastOpenedAt"
      FROM "usage_daily" WHERE "client_id" = :clientId ORDER BY "day", "demo_id"`,
    types: { durationSeconds: 'integer', lastOpenedAt: 'instant' },
  },
  notifications: {
    sql: `SELECT "id", "kind", "params", "created_at" AS "createdAt", "read_at" AS "readAt"
      FROM "notifications" WHERE "client_id" = :clientId ORDER BY "created_at", "id"`,
    types: { params: 'json', createdAt: 'instant', readAt: 'instant' },
  },
  mails: {
    sql: `SELECT "id", "template", "created_at" AS "createdAt", "sent_at" AS "sentAt", "failed_at" AS "failedAt"
      FROM "mail_outbox" WHERE "client_id" = :clientId ORDER BY "created_at", "id"`,
    types: { createdAt: 'instant', sentAt: 'instant', failedAt: 'instant' },
  },
} as const satisfies Record<string, HeldPart>;
