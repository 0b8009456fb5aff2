import { MINUTE, SECOND } from '../common/clock.js';
import {
  clocksFrom,
  durationSeconds,
  endOf,
  lapse,
  launchAddress,
  noRoom,
  type OpeningFacts,
  refusalToOpen,
} from './demo-sessions.rules.js';

const t0 = new Date('2026-11-21T12:00:00.000Z');
const min = (minutes: number) => new Date(t0.getTime() + minutes * MINUTE);
const clocks = { activationMinutes: 5, idleMinutes: 30, maxMinutes: 480 };
const windows = { clientEndsAt: min(10_000), grantStartsAt: null, grantEndsAt: null };

describe('the clocks of a session that is opened', () => {
  it.each([
    ['no window ends before', {}, {}, { maxEndsAt: 480, expiresAt: 480, lapsesAt: 5 }],
    ['the client ends first', { clientEndsAt: min(60) }, {}, { maxEndsAt: 480, expiresAt: 60, lapsesAt: 5 }],
    ['the grant ends first', { grantEndsAt: min(50) }, {}, { maxEndsAt: 480, expiresAt: 50, lapsesAt: 5 }],
    [
      'both end before',
      { clientEndsAt: min(40), grantEndsAt: min(50) },
      {},
      { maxEndsAt: 480, expiresAt: 40, lapsesAt: 5 },
    ],
    ['the end is near', { clientEndsAt: min(2) }, {}, { maxEndsAt: 480, expiresAt: 2, lapsesAt: 2 }],
    ['the maximum is short', {}, { maxMinutes: 3 }, { maxEndsAt: 3, expiresAt: 3, lapsesAt: 3 }],
  ])('%s', (_, window, clock, expected) => {
    expect(clocksFrom(t0, { ...clocks, ...clock }, { ...windows, ...window })).toEqual({
      openedAt: t0,
      activateBy: min(5),
      idleSeconds: 1800,
      ...Object.fromEntries(Object.entries(expected).map(([name, minutes]) => [name, min(minutes)])),
    });
  });
});

describe('the instant at which a session lapses', () => {
  it.each([
    ['not active yet', null, 480, 5],
    ['alive', 10, 480, 40],
    ['alive, near its end', 470, 480, 480],
    ['not active, near its end', null, 3, 3],
  ])('%s', (_, lastSeen, expires, expected) => {
    const lastSeenAt = lastSeen === null ? null : min(lastSeen);
    const session = { activateBy: min(5), idleSeconds: 1800, lastSeenAt, expiresAt: min(expires) };
    expect(lapse(session)).toEqual(min(expected));
  });
});

describe('the end of a session', () => {
  const session = {
    activatedAt: min(1) as Date | null,
    lapsesAt: min(31),
    expiresAt: min(480),
    maxEndsAt: min(480),
    endedAt: null as Date | null,
    endReason: null as 'closed' | null,
  };
  it.each([
    ['live until the last millisecond', {}, min(31).getTime() - 1, undefined],
    ['idle, to the millisecond', {}, min(31).getTime(), [31, 'idle']],
    ['idle, seen much later', {}, min(9999).getTime(), [31, 'idle']],
    ['never activated', { activatedAt: null, lapsesAt: min(5) }, min(6).getTime(), [5, 'not-activated']],
    ['too old', { lapsesAt: min(480) }, min(481).getTime(), [480, 'max-age']],
    ['a window ended', { lapsesAt: min(60), expiresAt: min(60) }, min(60).getTime(), [60, 'access-ended']],
    [
      'a window ended before it was activated',
      { activatedAt: null, lapsesAt: min(3), expiresAt: min(3) },
      min(4).getTime(),
      [3, 'access-ended'],
    ],
    ['written down', { endedAt: min(7), endReason: 'closed' as const }, min(8).getTime(), [7, 'closed']],
    [
      'written down, whatever a clock would say',
      { endedAt: min(7), endReason: 'closed' as const },
      min(9999).getTime(),
      [7, 'closed'],
    ],
  ])('%s', (_, over, at, expected) => {
    const end = expected && { endedAt: min(expected[0] as number), endReason: expected[1] };
    expect(endOf({ ...session, ...over }, new Date(at))).toEqual(end);
  });

  it('counts whole seconds', () => {
    expect(durationSeconds(t0, new Date(t0.getTime() + 90 * SECOND + 999))).toBe(90);
    expect(durationSeconds(t0, t0)).toBe(0);
  });
});

describe('whether a client may open a demo', () => {
  const facts: OpeningFacts = {
    accessStartsAt: min(-100),
    accessEndsAt: min(100),
    revokedAt: null,
    erasedAt: null,
    demoStatus: 'published',
    grantId: 'a grant',
    grantStartsAt: null,
    grantEndsAt: null,
  };
  it.each<[string, Partial<OpeningFacts>, string | undefined]>([
    ['active, published, granted', {}, undefined],
    ['within the grant', { grantStartsAt: min(-1), grantEndsAt: min(1) }, undefined],
    ['the grant begins now', { grantStartsAt: t0 }, undefined],
    ['the access begins now', { accessStartsAt: t0 }, undefined],
    ['no grant', { grantId: null }, 'demo-not-granted'],
    ['the grant ends now', { grantEndsAt: t0 }, 'demo-not-granted'],
    ['the grant is to come', { grantStartsAt: min(1) }, 'demo-not-granted'],
    ['a draft', { demoStatus: 'draft' }, 'not-found'],
    ['a retired demo', { demoStatus: 'retired' }, 'not-found'],
    ['a draft that is not granted', { demoStatus: 'draft', grantId: null }, 'not-found'],
    ['the access ends now', { accessEndsAt: t0 }, 'access-expired'],
    ['the access is to come', { accessStartsAt: min(1) }, 'access-not-started'],
    ['revoked', { revokedAt: min(-1) }, 'unauthenticated'],
    ['erased', { erasedAt: min(-1) }, 'unauthenticated'],
  ])('%s', (_, over, expected) => {
    expect(refusalToOpen({ ...facts, ...over }, t0)).toBe(expected);
  });

  it('not one that is not there', () => {
    expect(refusalToOpen(undefined, t0)).toBe('not-found');
  });
});

describe('where a demo session finds its demo', () => {
  it.each([
    ['https://demo.example.com', null, 'https://demo.example.com'],
    [
      null,
      'https://{slug}.run.example.com/{demoSessionId}?of={slug}',
      'https://crm.run.example.com/s1?of=crm',
    ],
    [null, null, null],
  ])('%s, template %s', (launchUrl, template, expected) => {
    expect(launchAddress({ launchUrl, slug: 'crm' }, template, 's1')).toBe(expected);
  });
});

describe('room for one more session', () => {
  const caps = { client: 2, demo: 3, all: 4 };
  it.each([
    [{ client: 1, demo: 2, all: 3 }, undefined],
    [{ client: 2, demo: 2, all: 3 }, 'You have'],
    [{ client: 1, demo: 3, all: 3 }, 'This demo'],
    [{ client: 1, demo: 2, all: 4 }, 'As many'],
    [{ client: 9, demo: 9, all: 9 }, 'You have'],
  ])('%j', (live, text) => {
    expect(noRoom(live, caps)).toEqual(text && expect.stringContaining(text));
  });
});
