import { likeContaining } from '../common/text.js';
import type { ListSpec } from '../common/pagination.js';
import { after, DAY } from '../common/clock.js';
import { prepare } from '../database/sql.js';
import type { ClientQuery, ShownClient } from './clients.dto.js';

/** The SQL side of `clientStatus` (auth/accounts.ts), by `:now`. */
const statusIs = {
  revoked: 'c."revoked_at" IS NOT NULL',
  scheduled: 'c."revoked_at" IS NULL AND c."access_starts_at" > :now',
  expired: 'c."revoked_at" IS NULL AND c."access_starts_at" <= :now AND c."access_ends_at" <= :now',
  active: 'c."revoked_at" IS NULL AND c."access_starts_at" <= :now AND c."access_ends_at" > :now',
};

/** Returns the list of clients that a query asks for, as of `now`. */
export function clientList(query: ClientQuery, now: Date): ListSpec<ShownClient> {
  const { status, search, company, expiringWithinDays } = query;
  return {
    select: `c."id", c."name", c."email", c."company", c."notes", c."language", c."version",
      c."access_starts_at" AS "accessStartsAt", c."access_ends_at" AS "accessEndsAt", c."revoked_at" AS "revokedAt",
      c."revoke_reason" AS "revokeReason", c."created_at" AS "createdAt", c."updated_at" AS "updatedAt"`,
    from: '"clients" c',
    where: [
      'c."erased_at" IS NULL',
      status && statusIs[status],
      search !== undefined && `c."search_text" LIKE :search ESCAPE '\\'`,
      company !== undefined && 'c."company" = :company',
      expiringWithinDays !== undefined && `${statusIs.active} AND c."access_ends_at" <= :soon`,
    ],
    parameters: {
      now,
      company,
      search: search === undefined ? undefined : likeContaining(search),
      soon: expiringWithinDays === undefined ? undefined : after(now, expiringWithinDays * DAY),
    },
    types: {
      accessStartsAt: 'instant',
      accessEndsAt: 'instant',
      revokedAt: 'instant',
      createdAt: 'instant',
      updatedAt: 'instant',
    },
    id: 'c."id"',
    sorts: {
      createdAt: { expression: 'c."created_at"', kind: 'instant' },
      updatedAt: { expression: 'c."updated_at"', kind: 'instant' },
      accessStartsAt: { expression: 'c."access_starts_at"', kind: 'instant' },
      accessEndsAt: { expression: 'c."access_ends_at"', kind: 'instant' },
      name: { expression: 'c."name"', kind: 'text' },
      email: { expression: 'c."email"', kind: 'text' },
      company: { expression: `COALESCE(c."company", '')`, kind: 'text' },
    },
    defaultSort: '-createdAt',
  };
}

/** A demo that is to be granted. */
export interface GrantableDemo {
  id: string;
  status: string;
}

const grantable = 'SELECT "id", "status" FROM "demos" WHERE "id" IN (:...ids) ORDER BY "id"';

/** The demos with these ids; until the unit of work ends nobody retires one (SQLite's units are serial). */
export const grantableDemos = { sqlite: grantable, postgres: `${grantable} FOR SHARE` };

/** A grant with what a reader wants to know of its demo and of who made it. */
export interface GrantRow {
  demoId: string;
  slug: string;
  title: string;
  demoStatus: string;
  startsAt: Date | null;
  endsAt: Date | null;
  grantedByKind: 'user' | 'key' | 'system';
  grantedById: string | null;
  grantedByName: string | null;
  grantedAt: Date;
}

/** Who made the grant `g`: a user or a key, removed or not. */
const granterName = `CASE g."granted_by_kind"
       WHEN 'user' THEN (SELECT u."name" FROM "users" u WHERE u."id" = g."granted_by_id")
       WHEN 'key' THEN (SELECT k."name" FROM "api_keys" k WHERE k."id" = g."granted_by_id") END`;

/** A client's current grants, the oldest first. */
export const currentGrants = prepare<GrantRow>(
  'current-grants',
  `SELECT g."demo_id" AS "demoId", d."slug", d."title", d."status" AS "demoStatus", g."starts_at" AS "startsAt",
     g."ends_at" AS "endsAt", g."granted_by_kind" AS "grantedByKind", g."granted_by_id" AS "grantedById",
     ${granterName} AS "grantedByName", g."granted_at" AS "grantedAt"
   FROM "client_demo_access" g JOIN "demos" d ON d."id" = g."demo_id"
   WHERE g."client_id" = :clientId AND g."removed_at" IS NULL
   ORDER BY g."granted_at", g."id"`,
  { startsAt: 'instant', endsAt: 'instant', grantedAt: 'instant' },
);

/** A client's window at an instant, and one grant of then; each null where there was none. */
export interface AccessRow {
  accessStartsAt: Date | null;
  accessEndsAt: Date | null;
  revokedAt: Date | null;
  demoId: string | null;
  demoStatus: string | null;
  startsAt: Date | null;
  endsAt: Date | null;
  grantedByKind: 'user' | 'key' | 'system';
  grantedById: string | null;
  grantedByName: string | null;
  grantedAt: Date;
}

/**
 * What stood at `:at`: the window, the grants and the demos' status, in one statement, so that all are of one instant.
 * No row: there is no such client. Of an instant to come: what stands now.
 */
export const accessAt = prepare<AccessRow>(
  'access-at',
  `SELECT w."access_starts_at" AS "accessStartsAt", w."access_ends_at" AS "accessEndsAt", w."revoked_at" AS "revokedAt",
     g."demo_id" AS "demoId",
     (SELECT s."status" FROM "demo_status_changes" s WHERE s."demo_id" = g."demo_id" AND s."at" <= :at
      ORDER BY s."at" DESC, s."id" DESC LIMIT 1) AS "demoStatus",
     g."starts_at" AS "startsAt", g."ends_at" AS "endsAt", g."granted_by_kind" AS "grantedByKind",
     g."granted_by_id" AS "grantedById", ${granterName} AS "grantedByName",
     g."granted_at" AS "grantedAt"
   FROM "clients" c
   LEFT JOIN "client_access_changes" w ON w."id" = (
     SELECT x."id" FROM "client_access_changes" x WHERE x."client_id" = c."id" AND x."at" <= :at
     ORDER BY x."at" DESC, x."id" DESC LIMIT 1)
   LEFT JOIN "client_demo_access" g ON g."client_id" = c."id" AND g."granted_at" <= :at
     AND (g."removed_at" IS NULL OR g."removed_at" > :at)
   WHERE c."id" = :clientId AND c."erased_at" IS NULL
   ORDER BY g."granted_at", g."id"`,
  {
    accessStartsAt: 'instant',
    accessEndsAt: 'instant',
    revokedAt: 'instant',
    startsAt: 'instant',
    endsAt: 'instant',
    grantedAt: 'instant',
  },
);
