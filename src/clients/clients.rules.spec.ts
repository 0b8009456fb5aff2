import { DAY } from '../common/clock.js';
import { Problem } from '../common/problem.js';
import {
  assertGrantWindow,
  isOpen,
  isWithinCeiling,
  newWindow,
  renewedEnd,
  shortenedEnd,
} from './clients.rules.js';

const now = new Date('2026-11-21T12:00:00.000Z');
/** The instant so many days (and milliseconds) from now. */
const day = (days: number, milliseconds = 0) => new Date(now.getTime() + days * DAY + milliseconds);
const limits = { defaultDays: 30, maxDaysAhead: 365 };

/** What a rule decides: its result, or the status and the fields that it refuses with. */
function outcome(rule: () => unknown): unknown {
  try {
    return rule();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return [error.status, ...(error.errors ?? []).map(({ field }) => field)];
  }
}

describe('newWindow', () => {
  const window = (accessStartsAt: Date, accessEndsAt: Date) => ({ accessStartsAt, accessEndsAt });

  it.each([
    ['nothing asked: the default days from now', {}, window(day(0), day(30))],
    ['days from now', { accessDays: 5 }, window(day(0), day(5))],
    ['days from the start', { accessStartsAt: day(2), accessDays: 5 }, window(day(2), day(7))],
    ['the default days from the start', { accessStartsAt: day(2) }, window(day(2), day(32))],
    ['an end', { accessEndsAt: day(9) }, window(day(0), day(9))],
    [
      'a window of one millisecond',
      { accessStartsAt: day(1), accessEndsAt: day(1, 1) },
      window(day(1), day(1, 1)),
    ],
    [
      'a window in the past: an expired client',
      { accessStartsAt: day(-9), accessEndsAt: day(-1) },
      window(day(-9), day(-1)),
    ],
    ['an end at the ceiling', { accessEndsAt: day(365) }, window(day(0), day(365))],
    ['an end and days', { accessEndsAt: day(9), accessDays: 9 }, [400, 'accessEndsAt', 'accessDays']],
    ['an end at the start', { accessStartsAt: day(1), accessEndsAt: day(1) }, [400, 'accessEndsAt']],
    ['an end before now, without a start', { accessEndsAt: day(-1) }, [400, 'accessEndsAt']],
    ['an end beyond the ceiling', { accessEndsAt: day(365, 1) }, [400, 'accessEndsAt']],
    ['days beyond the ceiling', { accessDays: 366 }, [400, 'accessDays']],
    ['a start so late that the default is beyond it', { accessStartsAt: day(340) }, [400, 'accessStartsAt']],
  ])('%s', (_, asked, expected) => {
    expect(outcome(() => newWindow(asked, limits, now))).toEqual(expected);
  });

  it('keeps the default below a lower ceiling', () => {
    expect(newWindow({}, { defaultDays: 30, maxDaysAhead: 14 }, now).accessEndsAt).toEqual(day(14));
  });
});

describe('renewedEnd', () => {
  const active = { accessStartsAt: day(-10), accessEndsAt: day(10), revokedAt: null };
  const expired = { ...active, accessEndsAt: day(-5) };
  const revoked = { ...active, revokedAt: day(-1) };

  it.each([
    ['active, by days: from its end', active, { days: 5 }, day(15)],
    ['expired, by days: from now', expired, { days: 5 }, day(5)],
    ['ending now, by days', { ...active, accessEndsAt: now }, { days: 1 }, day(1)],
    ['active, until', active, { until: day(10, 1) }, day(10, 1)],
    ['expired, until', expired, { until: day(0, 1) }, day(0, 1)],
    ['to the ceiling', active, { days: 355 }, day(365)],
    ['until its own end', active, { until: day(10) }, [400, 'until']],
    ['expired, until now', expired, { until: now }, [400, 'until']],
    ['days beyond the ceiling', active, { days: 356 }, [400, 'days']],
    ['until beyond the ceiling', active, { until: day(365, 1) }, [400, 'until']],
    ['neither', active, {}, [400, 'days', 'until']],
    ['both', active, { days: 1, until: day(11) }, [400, 'days', 'until']],
    ['revoked', revoked, { days: 5 }, [409]],
  ])('%s', (_, window, asked, expected) => {
    expect(outcome(() => renewedEnd(window, asked, 365, now))).toEqual(expected);
  });
});

describe('isWithinCeiling', () => {
  it.each([
    ['an active client, to the ceiling', day(10), 355, true],
    ['an active client, beyond it', day(10), 356, false],
    ['an expired client, to the ceiling', day(-10), 365, true],
    ['an expired client, beyond it', day(-10), 366, false],
  ])('%s', (_, accessEndsAt, days, within) => {
    expect(isWithinCeiling({ accessStartsAt: day(-20), accessEndsAt }, days, 365, now)).toBe(within);
  });
});

describe('shortenedEnd', () => {
  const active = { accessStartsAt: day(-10), accessEndsAt: day(10), revokedAt: null };
  const scheduled = { ...active, accessStartsAt: day(5) };

  it.each([
    ['just after now', active, day(0, 1), day(0, 1)],
    ['just before its end', active, day(10, -1), day(10, -1)],
    ['now', active, now, [400, 'until']],
    ['its end', active, day(10), [400, 'until']],
    ['scheduled: just after its start', scheduled, day(5, 1), day(5, 1)],
    ['scheduled: its start', scheduled, day(5), [400, 'until']],
    ['expired', { ...active, accessEndsAt: day(-1) }, day(-2), [400, 'until']],
    ['revoked', { ...active, revokedAt: day(-1) }, day(1), [409]],
  ])('%s', (_, window, until, expected) => {
    expect(outcome(() => shortenedEnd(window, until, now))).toEqual(expected);
  });
});

describe('assertGrantWindow', () => {
  const client = { accessStartsAt: day(0), accessEndsAt: day(10) };

  it.each([
    ['none', null, null, undefined],
    ['all of the client’s', day(0), day(10), undefined],
    ['a start alone', day(9), null, undefined],
    ['an end alone', null, day(1), undefined],
    ['a start too early', day(0, -1), null, [400, 'startsAt']],
    ['a start at the client’s end', day(10), null, [400, 'startsAt']],
    ['an end too late', null, day(10, 1), [400, 'endsAt']],
    ['an end at the client’s start', null, day(0), [400, 'endsAt']],
    ['an end at the start', day(5), day(5), [400, 'endsAt']],
  ])('%s', (_, startsAt, endsAt, expected) => {
    expect(outcome(() => assertGrantWindow({ startsAt, endsAt }, client))).toEqual(expected);
  });
});

describe('isOpen', () => {
  const client = { accessStartsAt: day(0), accessEndsAt: day(10), revokedAt: null };
  const grant = { startsAt: null, endsAt: null, demoStatus: 'published' };

  it.each([
    ['at the start', client, grant, day(0), true],
    ['a millisecond before the end', client, grant, day(10, -1), true],
    ['at the end', client, grant, day(10), false],
    ['before the start', client, grant, day(0, -1), false],
    ['revoked', { ...client, revokedAt: day(5) }, grant, day(5), false],
    ['before it was revoked', { ...client, revokedAt: day(5) }, grant, day(5, -1), true],
    ['a draft', client, { ...grant, demoStatus: 'draft' }, day(1), false],
    ['before there was a demo', client, { ...grant, demoStatus: null }, day(1), false],
    ['before the grant’s start', client, { ...grant, startsAt: day(2) }, day(2, -1), false],
    ['at the grant’s start', client, { ...grant, startsAt: day(2) }, day(2), true],
    ['at the grant’s end', client, { ...grant, endsAt: day(2) }, day(2), false],
  ])('%s', (_, window, given, at, expected) => {
    expect(isOpen(window, given, at)).toBe(expected);
  });
});
