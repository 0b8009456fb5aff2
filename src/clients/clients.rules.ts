import type { AccessWindow } from '../auth/accounts.js';
import { clientStatus } from '../auth/accounts.js';
import { after, DAY } from '../common/clock.js';
import { conflict, invalid, Problem } from '../common/problem.js';

/** What is asked of a new client's window: an end or a length, or neither. */
export interface AskedWindow {
  accessStartsAt?: Date;
  accessEndsAt?: Date;
  accessDays?: number;
}

/** The settings that bind windows: `access.defaultDays` and `access.maxDaysAhead`, the ceiling. */
export interface WindowLimits {
  defaultDays: number;
  maxDaysAhead: number;
}

/** The window of a grant; null: as long as the client's. */
export interface GrantWindow {
  startsAt: Date | null;
  endsAt: Date | null;
}

type Span = Pick<AccessWindow, 'accessStartsAt' | 'accessEndsAt'>;

/**
 * Returns the window of a new client: from now unless a start is given, for the default days unless an end or a
 * length is given. A window that is over already is taken: it makes an expired client.
 * @throws Problem 400 naming `accessEndsAt` and `accessDays` when both are given, `accessEndsAt` when it is not after
 *   the start, and what put the end beyond the ceiling
 */
export function newWindow(asked: AskedWindow, limits: WindowLimits, now: Date): Span {
  const { accessStartsAt = now, accessEndsAt, accessDays } = asked;
  if (accessEndsAt !== undefined && accessDays !== undefined) {
    throw eitherOr('accessEndsAt', 'accessDays', 'give accessEndsAt or accessDays, not both');
  }
  // The default alone never breaks a ceiling that was set below it.
  const days = accessDays ?? Math.min(limits.defaultDays, limits.maxDaysAhead);
  const end = accessEndsAt ?? after(accessStartsAt, days * DAY);
  if (end <= accessStartsAt) throw invalid('accessEndsAt', 'must be after the start of the access');
  const asking = accessEndsAt ? 'accessEndsAt' : accessDays === undefined ? 'accessStartsAt' : 'accessDays';
  assertBelowCeiling(end, limits.maxDaysAhead, now, asking);
  return { accessStartsAt, accessEndsAt: end };
}

/**
 * Returns the end of a renewed window: `days` after the later of now and the current end, or `until`
 * (product.md, Rules).
 * @throws Problem 400 when not exactly one of the two is given, `until` is not later than both, or the end lies beyond
 *   the ceiling; 409 when the client is revoked
 */
export function renewedEnd(
  window: AccessWindow,
  asked: { days?: number; until?: Date },
  maxDaysAhead: number,
  now: Date,
): Date {
  if ((asked.days === undefined) === (asked.until === undefined)) {
    throw eitherOr('days', 'until', 'give either days or until');
  }
  assertNotRevoked(window);
  const end = asked.until ?? extendedEnd(window, asked.days ?? 0, now);
  if (end <= later(now, window.accessEndsAt))
    throw invalid('until', 'must be later than now and than the current end of the access');
  assertBelowCeiling(end, maxDaysAhead, now, asked.until ? 'until' : 'days');
  return end;
}

/** Tells whether `days` more would end the access at the ceiling or before it. */
export function isWithinCeiling(window: Span, days: number, maxDaysAhead: number, now: Date): boolean {
  return extendedEnd(window, days, now) <= ceiling(maxDaysAhead, now);
}

/**
 * Returns the end of a shortened window: strictly between now and the current end, and after the start.
 * @throws Problem 400 naming `until` when it is not; 409 when the client is revoked
 */
export function shortenedEnd(window: AccessWindow, until: Date, now: Date): Date {
  assertNotRevoked(window);
  if (until <= later(now, window.accessStartsAt) || until >= window.accessEndsAt) {
    throw invalid(
      'until',
      'must lie between now (or the start of the access, if that is later) and its current end',
    );
  }
  return until;
}

/**
 * Checks that a grant's window is one and lies within the client's; the ceiling does not bind it (api.md, Clients).
 * @throws Problem 400 naming `startsAt` or `endsAt`
 */
export function assertGrantWindow({ startsAt, endsAt }: GrantWindow, client: Span): void {
  const within = `must lie within the client's access, ${client.accessStartsAt.toISOString()} to ${client.accessEndsAt.toISOString()}`;
  if (startsAt && (startsAt < client.accessStartsAt || startsAt >= client.accessEndsAt)) {
    throw invalid('startsAt', within);
  }
  if (endsAt && (endsAt <= client.accessStartsAt || endsAt > client.accessEndsAt))
    throw invalid('endsAt', within);
  if (startsAt && endsAt && endsAt <= startsAt) throw invalid('endsAt', 'must be after startsAt');
}

/**
 * Tells whether a demo could be opened at an instant: the client active, the demo published, the grant's window
 * holding (product.md, Rules).
 */
export function isOpen(
  client: AccessWindow,
  grant: GrantWindow & { demoStatus: string | null },
  at: Date,
): boolean {
  return (
    clientStatus(client, at) === 'active' &&
    grant.demoStatus === 'published' &&
    (grant.startsAt === null || grant.startsAt <= at) &&
    (grant.endsAt === null || at < grant.endsAt)
  );
}

/** @throws Problem 409: a revoked client must be reinstated first (product.md, Rules) */
export function assertNotRevoked(window: AccessWindow): void {
  if (window.revokedAt !== null) throw conflict('The access was revoked. Reinstate the client first.');
}

function assertBelowCeiling(end: Date, maxDaysAhead: number, now: Date, field: string): void {
  const latest = ceiling(maxDaysAhead, now);
  if (end > latest) {
    throw invalid(
      field,
      `must not let the access end later than ${latest.toISOString()}, ${maxDaysAhead} days from now`,
    );
  }
}

function ceiling(maxDaysAhead: number, now: Date): Date {
  return after(now, maxDaysAhead * DAY);
}

function extendedEnd({ accessEndsAt }: Span, days: number, now: Date): Date {
  return after(later(now, accessEndsAt), days * DAY);
}

function eitherOr(one: string, other: string, message: string): Problem {
  return new Problem('validation', `${one}, ${other}: ${message}`, {
    errors: [
      { field: one, message },
      { field: other, message },
    ],
  });
}

function later(one: Date, other: Date): Date {
  return one > other ? one : other;
}
