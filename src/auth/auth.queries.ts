import { prepare } from '../database/sql.js';
import type { KeyScope } from './access.js';
import type { Language, Role } from './accounts.js';

/** A session with what decides what it may do now: read on every request, so one statement over all the tables. */
export interface SessionRow {
  sessionId: string;
  userId: string | null;
  clientId: string | null;
  expiresAt: Date;
  lastUsedAt: Date;
  endedAt: Date | null;
  role: Role | null;
  removedAt: Date | null;
  accessStartsAt: Date | null;
  accessEndsAt: Date | null;
  revokedAt: Date | null;
  erasedAt: Date | null;
  /** Whether an active second factor is there, and whether the setting `auth.requireTotp` demands one. */
  hasSecondFactor: boolean;
  requireTotp: boolean | null;
}

export const sessionById = prepare<SessionRow>(
  'session_by_id',
  `SELECT s."id" AS "sessionId", s."user_id" AS "userId", s."client_id" AS "clientId", s."expires_at" AS "expiresAt",
     s."last_used_at" AS "lastUsedAt", s."ended_at" AS "endedAt",
     u."role" AS "role", u."removed_at" AS "removedAt",
     c."access_starts_at" AS "accessStartsAt", c."access_ends_at" AS "accessEndsAt",
     c."revoked_at" AS "revokedAt", c."erased_at" AS "erasedAt",
     f."user_id" IS NOT NULL AS "hasSecondFactor",
     (SELECT "value" FROM "system_config" WHERE "key" = 'auth.requireTotp') AS "requireTotp"
   FROM "sessions" s
   LEFT JOIN "users" u ON u."id" = s."user_id"
   LEFT JOIN "second_factors" f ON f."user_id" = s."user_id" AND f."activated_at" IS NOT NULL
   LEFT JOIN "clients" c ON c."id" = s."client_id"
   WHERE s."id" = :sessionId`,
  {
    expiresAt: 'instant',
    lastUsedAt: 'instant',
    endedAt: 'instant',
    removedAt: 'instant',
    accessStartsAt: 'instant',
    accessEndsAt: 'instant',
    revokedAt: 'instant',
    erasedAt: 'instant',
    hasSecondFactor: 'boolean',
    requireTotp: 'json',
  },
);

/** An account as it signs in and as `/auth/me` shows it. */
export interface AccountRow {
  userId: string | null;
  clientId: string | null;
  passwordHash: string | null;
  name: string;
  email: string;
  language: Language;
  company: string | null;
  role: Role | null;
  accessStartsAt: Date | null;
  accessEndsAt: Date | null;
  revokedAt: Date | null;
  hasSecondFactor: boolean;
}

const accountSql = (condition: string) => `
  SELECT k."user_id" AS "userId", k."client_id" AS "clientId", k."password_hash" AS "passwordHash",
    COALESCE(u."name", c."name") AS "name", COALESCE(u."email", c."email") AS "email",
    COALESCE(u."language", c."language") AS "language", c."company" AS "company", u."role" AS "role",
    c."access_starts_at" AS "accessStartsAt", c."access_ends_at" AS "accessEndsAt", c."revoked_at" AS "revokedAt",
    f."user_id" IS NOT NULL AS "hasSecondFactor"
  FROM "credentials" k
  LEFT JOIN "users" u ON u."id" = k."user_id"
  LEFT JOIN "second_factors" f ON f."user_id" = k."user_id" AND f."activated_at" IS NOT NULL
  LEFT JOIN "clients" c ON c."id" = k."client_id"
  WHERE ${condition}`;

const accountTypes = {
  accessStartsAt: 'instant',
  accessEndsAt: 'instant',
  revokedAt: 'instant',
  hasSecondFactor: 'boolean',
} as const;

export const accountByEmailKey = prepare<AccountRow>(
  'account_by_email',
  accountSql('k."email_key" = :emailKey'),
  accountTypes,
);
export const accountByUserId = prepare<AccountRow>(
  'account_by_user',
  accountSql('k."user_id" = :id'),
  accountTypes,
);
export const accountByClientId = prepare<AccountRow>(
  'account_by_client',
  accountSql('k."client_id" = :id'),
  accountTypes,
);

/** A key that can be used, and when it was last. */
export const apiKeyByHash = prepare<{ id: string; scopes: KeyScope[]; lastUsedAt: Date | null }>(
  'api_key_by_hash',
  `SELECT "id", "scopes", "last_used_at" AS "lastUsedAt" FROM "api_keys"
   WHERE "key_hash" = :keyHash AND "removed_at" IS NULL AND "expires_at" > :now`,
  { scopes: 'json', lastUsedAt: 'instant' },
);

/** Of many calls at once one writes. */
export const stampApiKey = prepare(
  'stamp_api_key',
  `UPDATE "api_keys" SET "last_used_at" = :now
   WHERE "id" = :id AND ("last_used_at" IS NULL OR "last_used_at" <= :before)`,
);
