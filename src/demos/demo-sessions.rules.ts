import { type AccessWindow, clientStatus } from '../auth/accounts.js';
import { after, earliest, MINUTE, SECOND } from '../common/clock.js';
import type { ProblemSlug } from '../common/problem.js';
import type { DemoSession, DemoSessionEndReason } from './demo-session.entity.js';
import type { DemoStatus } from './demo.entity.js';

/** How long a demo session may wait for its first sign of life, go without one, and last in all. */
export interface Clocks {
  activationMinutes: number;
  idleMinutes: number;
  maxMinutes: number;
}

/** How many sessions may live at a time: of one client, of one demo, in all. */
export interface LiveCaps {
  client: number;
  demo: number;
  all: number;
}

/** What the instant of a session's end by the clock depends on. */
export type Lapsing = Pick<DemoSession, 'activateBy' | 'lastSeenAt' | 'idleSeconds' | 'expiresAt'>;

export interface End {
  endedAt: Date;
  endReason: DemoSessionEndReason;
}

/** Windows outside of which nothing may be open; one without a start or an end is open on that side. */
export interface Windows {
  clientEndsAt: Date;
  grantStartsAt: Date | null;
  grantEndsAt: Date | null;
}

/** Returns the instants of a session that is opened at `at` (api.md, Demos and images: `expiresAt`). */
export function clocksFrom(
  at: Date,
  clocks: Clocks,
  windows: Windows,
): Pick<DemoSession, 'openedAt' | 'activateBy' | 'idleSeconds' | 'maxEndsAt' | 'expiresAt' | 'lapsesAt'> {
  const activateBy = after(at, clocks.activationMinutes * MINUTE);
  const idleSeconds = clocks.idleMinutes * (MINUTE / SECOND);
  const maxEndsAt = after(at, clocks.maxMinutes * MINUTE);
  const expiresAt = expiry(maxEndsAt, windows);
  return {
    openedAt: at,
    activateBy,
    idleSeconds,
    maxEndsAt,
    expiresAt,
    lapsesAt: lapse({ activateBy, lastSeenAt: null, idleSeconds, expiresAt }),
  };
}

/** Returns the latest instant a session may reach: its maximum age, the grant's end or the client's end. */
export function expiry(maxEndsAt: Date, windows: Windows): Date {
  return earliest(maxEndsAt, windows.grantEndsAt, windows.clientEndsAt);
}

/** Returns the instant at which a session ends by itself if nothing more happens. */
export function lapse({ activateBy, lastSeenAt, idleSeconds, expiresAt }: Lapsing): Date {
  return earliest(lastSeenAt ? after(lastSeenAt, idleSeconds * SECOND) : activateBy, expiresAt);
}

/**
 * Returns how a session has ended as seen at `at`: as written down, or by one of its clocks at the instant of its
 * cause; undefined while it is live. An end by the clock needs no job to be true.
 */
export function endOf(
  session: Pick<
    DemoSession,
    'endedAt' | 'endReason' | 'lapsesAt' | 'expiresAt' | 'maxEndsAt' | 'activatedAt'
  >,
  at: Date,
): End | undefined {
  const { endedAt, endReason, lapsesAt, expiresAt, maxEndsAt, activatedAt } = session;
  if (endedAt && endReason) return { endedAt, endReason };
  if (at < lapsesAt) return undefined;
  if (lapsesAt < expiresAt) return { endedAt: lapsesAt, endReason: activatedAt ? 'idle' : 'not-activated' };
  return { endedAt: lapsesAt, endReason: expiresAt < maxEndsAt ? 'access-ended' : 'max-age' };
}

/** Returns the whole seconds from a session's opening to its end. */
export function durationSeconds(openedAt: Date, endedAt: Date): number {
  return Math.floor((endedAt.getTime() - openedAt.getTime()) / SECOND);
}

/** What decides whether a client may open a demo, as one query found it. */
export interface OpeningFacts extends AccessWindow {
  erasedAt: Date | null;
  demoStatus: DemoStatus;
  grantId: string | null;
  grantStartsAt: Date | null;
  grantEndsAt: Date | null;
}

/**
 * Returns the problem with which opening a demo at `at` is refused, or undefined when it is open: the client active,
 * the demo published, a grant whose window holds (product.md, Rules).
 * @param facts undefined where there is no such demo
 */
export function refusalToOpen(facts: OpeningFacts | undefined, at: Date): ProblemSlug | undefined {
  if (!facts) return 'not-found';
  if (facts.erasedAt) return 'unauthenticated';
  const status = clientStatus(facts, at);
  if (status !== 'active') return statusProblems[status];
  if (facts.demoStatus !== 'published') return 'not-found';
  const { grantId, grantStartsAt, grantEndsAt } = facts;
  const holds = grantId && (!grantStartsAt || grantStartsAt <= at) && (!grantEndsAt || at < grantEndsAt);
  return holds ? undefined : 'demo-not-granted';
}

/** The guard has answered these before, unless the client's access changed meanwhile. */
const statusProblems = {
  revoked: 'unauthenticated',
  expired: 'access-expired',
  scheduled: 'access-not-started',
} as const;

/**
 * Returns where a demo session finds its demo: a link's own address, a container's made from the setting
 * `launch.containerUrlTemplate`; null where that is not set.
 */
export function launchAddress(
  { launchUrl, slug }: { launchUrl: string | null; slug: string },
  template: string | null,
  demoSessionId: string,
): string | null {
  return (
    launchUrl ?? template?.replaceAll('{slug}', slug).replaceAll('{demoSessionId}', demoSessionId) ?? null
  );
}

const fullTexts = {
  client: 'You have as many demos open as you may. Close one first.',
  demo: 'This demo is opened as often as it may be at a time.',
  all: 'As many demos are open as may be at a time.',
};

/** Returns why there is no room for one more session, or undefined when there is. */
export function noRoom(live: LiveCaps, caps: LiveCaps): string | undefined {
  const full = (['client', 'demo', 'all'] as const).find((scope) => live[scope] >= caps[scope]);
  return full && fullTexts[full];
}
