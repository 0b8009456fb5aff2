import type { ColumnTypes, SqlText } from '../database/sql.js';
import type { DemoSession } from './demo-session.entity.js';

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
