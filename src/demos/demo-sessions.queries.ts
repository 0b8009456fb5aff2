import { type ColumnTypes, prepare, type SqlText } from '../database/sql.js';
import type { DemoSession } from './demo-session.entity.js';
import type { OpeningFacts } from './demo-sessions.rules.js';
import type { ContainerOptions } from './demo.entity.js';

/** The columns of `demo_sessions` under the names of its entity. */
export const sessionColumns = `s."id" AS "id", s."client_id" AS "clientId", s."demo_id" AS "demoId",
  s."opened_at" AS "openedAt", s."activated_at" AS "activatedAt", s."last_seen_at" AS "lastSeenAt",
  s."activate_by" AS "activateBy", s."idle_seconds" AS "idleSeconds", s."max_ends_at" AS "maxEndsAt",
  s."expires_at" AS "expiresAt", s."lapses_at" AS "lapsesAt", s."ended_at" AS "endedAt", s."end_reason" AS "endReason"`;

export const sessionTypes: ColumnTypes<DemoSession> = {
  openedAt: 'instant',
  activatedAt: 'instant',
  lastSeenAt: 'instant',
  activateBy: 'instant',
  maxEndsAt: 'instant',
  expiresAt: 'instant',
  lapsesAt: 'instant',
  endedAt: 'instant',
};

/** Whether the session `s` lives at the instant `:now`. */
export const isLive = 's."ended_at" IS NULL AND s."lapses_at" > :now';

/** Whose sessions. */
export type SessionFilter = { clientId: string; demoId?: string } | { clientId?: string; demoId: string };

/** Sessions not written down as ended, held for the rest of the unit; always in one order, so that no two units deadlock. */
export function openSessions(filter: SessionFilter): SqlText {
  const sql = `SELECT ${sessionColumns} FROM "demo_sessions" s
    WHERE s."ended_at" IS NULL ${filter.clientId ? 'AND s."client_id" = :clientId' : ''} ${filter.demoId ? 'AND s."demo_id" = :demoId' : ''}
    ORDER BY s."id"`;
  return { sqlite: sql, postgres: `${sql} FOR UPDATE` };
}

/** Sessions that a clock has ended and nobody has written down yet; those that another replica is at are passed over. */
const lapsed = `SELECT ${sessionColumns} FROM "demo_sessions" s
  WHERE s."ended_at" IS NULL AND s."lapses_at" <= :at ORDER BY s."lapses_at", s."id" LIMIT :limit`;
export const lapsedSessions: SqlText = { sqlite: lapsed, postgres: `${lapsed} FOR UPDATE SKIP LOCKED` };

/** The windows that bound each demo a client may open now. */
export interface GrantWindow {
  demoId: string;
  clientEndsAt: Date;
  grantStartsAt: Date | null;
  grantEndsAt: Date | null;
}
export const grantWindows = `SELECT g."demo_id" AS "demoId", c."access_ends_at" AS "clientEndsAt",
    g."starts_at" AS "grantStartsAt", g."ends_at" AS "grantEndsAt"
  FROM "client_demo_access" g JOIN "clients" c ON c."id" = g."client_id"
  WHERE g."client_id" = :clientId AND g."removed_at" IS NULL`;
export const grantWindowTypes: ColumnTypes<GrantWindow> = {
  clientEndsAt: 'instant',
  grantStartsAt: 'instant',
  grantEndsAt: 'instant',
};

/** All that opening a demo depends on, seen at one instant; the session is the one not written down as ended. */
export interface Opening extends OpeningFacts {
  demoId: string;
  clientId: string;
  slug: string;
  launchUrl: string | null;
  container: ContainerOptions | null;
  imageReference: string | null;
  imageDigest: string | null;
  sessionId: string | null;
  sessionOpenedAt: Date | null;
  sessionExpiresAt: Date | null;
  sessionLapsesAt: Date | null;
  sessionActivatedAt: Date | null;
}
const openingSql = (from: string, condition: string) => `
  SELECT c."access_starts_at" AS "accessStartsAt", c."access_ends_at" AS "accessEndsAt", c."revoked_at" AS "revokedAt",
    c."erased_at" AS "erasedAt", d."status" AS "demoStatus", d."slug" AS "slug", d."launch_url" AS "launchUrl",
    d."launch_container" AS "container", i."reference" AS "imageReference", i."digest" AS "imageDigest",
    g."id" AS "grantId", g."starts_at" AS "grantStartsAt", g."ends_at" AS "grantEndsAt",
    s."id" AS "sessionId", s."opened_at" AS "sessionOpenedAt", s."expires_at" AS "sessionExpiresAt",
    s."lapses_at" AS "sessionLapsesAt", s."activated_at" AS "sessionActivatedAt",
    d."id" AS "demoId", c."id" AS "clientId"
  FROM ${from}
  LEFT JOIN "docker_images" i ON i."id" = d."launch_image_id"
  LEFT JOIN "client_demo_access" g ON g."client_id" = c."id" AND g."demo_id" = d."id" AND g."removed_at" IS NULL
  WHERE ${condition}`;

const openingTypes: ColumnTypes<Opening> = {
  accessStartsAt: 'instant',
  accessEndsAt: 'instant',
  revokedAt: 'instant',
  erasedAt: 'instant',
  container: 'json',
  grantStartsAt: 'instant',
  grantEndsAt: 'instant',
  sessionOpenedAt: 'instant',
  sessionExpiresAt: 'instant',
  sessionLapsesAt: 'instant',
  sessionActivatedAt: 'instant',
};

/** Of a client who wants to open a demo. */
export const opening = prepare<Opening>(
  'opening',
  openingSql(
    `"demos" d CROSS JOIN "clients" c
     LEFT JOIN "demo_sessions" s ON s."client_id" = c."id" AND s."demo_id" = d."id" AND s."ended_at" IS NULL`,
    'd."id" = :demoId AND c."id" = :clientId',
  ),
  openingTypes,
);

/** Of a demo session that is not written down as ended: whether it could be opened now. */
export const openingOfSession = prepare<Opening>(
  'opening-of-session',
  openingSql(
    `"demo_sessions" s JOIN "demos" d ON d."id" = s."demo_id" JOIN "clients" c ON c."id" = s."client_id"`,
    's."id" = :sessionId AND s."ended_at" IS NULL',
  ),
  openingTypes,
);

/**
 * Holds what an opening depends on until its unit ends (PostgreSQL; SQLite's writers are serial). Who revokes the client,
 * changes its grants (both hold the client's row) or retires the demo at the same time comes before, and `opening` finds
 * it, or after, and ends the session. SHARE: openings do not wait for each other here.
 */
export const holdAccess = prepare(
  'hold-access',
  `SELECT c."id" FROM "clients" c CROSS JOIN "demos" d WHERE c."id" = :clientId AND d."id" = :demoId
   FOR SHARE OF c, d`,
);

/** How many sessions are live: of the demo, and in all. The client's own are read one by one anyway. */
export const liveCounts = prepare<{ demo: number; all: number }>(
  'live-counts',
  `SELECT
    (SELECT count(*) FROM "demo_sessions" s WHERE s."demo_id" = :demoId AND ${isLive}) AS "demo",
    (SELECT count(*) FROM "demo_sessions" s WHERE ${isLive}) AS "all"`,
  { demo: 'integer', all: 'integer' },
);

const alive = `"id" = :id AND "client_id" = :clientId AND "ended_at" IS NULL AND "lapses_at" > :now`;
const nextLapse = {
  sqlite: `min("expires_at", strftime('%Y-%m-%d %H:%M:%f', :now, "idle_seconds" || ' seconds'))`,
  postgres: `LEAST("expires_at", CAST(:now AS timestamptz) + make_interval(secs => "idle_seconds"))`,
};
const heartbeatOf = (dialect: 'sqlite' | 'postgres') =>
  `UPDATE "demo_sessions" SET "last_seen_at" = :now, "lapses_at" = ${nextLapse[dialect]}
   WHERE ${alive} AND "activated_at" IS NOT NULL`;

/** One heartbeat of an active session: one statement. */
export const heartbeat = prepare('heartbeat', {
  sqlite: heartbeatOf('sqlite'),
  postgres: heartbeatOf('postgres'),
});

/** The first heartbeat of a live session. */
const activationOf = (dialect: 'sqlite' | 'postgres') =>
  `UPDATE "demo_sessions" SET "activated_at" = :now, "last_seen_at" = :now, "lapses_at" = ${nextLapse[dialect]}
   WHERE ${alive} AND "activated_at" IS NULL`;
export const activation = prepare('activation', {
  sqlite: activationOf('sqlite'),
  postgres: activationOf('postgres'),
});

export const addSession = prepare(
  'demo-session-add',
  `INSERT INTO "demo_sessions" ("id", "client_id", "demo_id", "opened_at", "activated_at", "last_seen_at",
     "activate_by", "idle_seconds", "max_ends_at", "expires_at", "lapses_at", "ended_at", "end_reason")
   VALUES (:id, :clientId, :demoId, :openedAt, :activatedAt, :lastSeenAt,
     :activateBy, :idleSeconds, :maxEndsAt, :expiresAt, :lapsesAt, :endedAt, :endReason)`,
);

const one = `SELECT ${sessionColumns} FROM "demo_sessions" s WHERE s."id" = :id`;
export const oneSession = prepare<DemoSession>('demo-session', one, sessionTypes);
/** The same, held for the rest of the unit. */
export const heldSession = prepare<DemoSession>(
  'held-demo-session',
  { sqlite: one, postgres: `${one} FOR UPDATE` },
  sessionTypes,
);
