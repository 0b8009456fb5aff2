import { clientStatuses } from '../auth/accounts.js';
import { Problem } from '../common/problem.js';
import { requestStatuses } from './request.entity.js';
import {
  approvedOf,
  approvesItself,
  assertMayAsk,
  assertPending,
  assertSubmittable,
  assertWellAsked,
  type AskedDemo,
} from './requests.rules.js';

/** What a rule decides: its result, or the problem that it refuses with and the fields named. */
function outcome(rule: () => unknown): unknown {
  try {
    return rule() ?? 'passes';
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return [error.status, error.slug, ...(error.errors ?? []).map(({ field }) => field)];
  }
}

const demo = (demoId: string, demoStatus = 'published'): AskedDemo => ({
  demoId,
  title: `Demo ${demoId}`,
  demoStatus,
});

describe('assertMayAsk', () => {
  const refused = {
    expired: [403, 'access-expired'],
    scheduled: [403, 'access-not-started'],
    revoked: [403, 'access-revoked'],
  };

  it.each(clientStatuses)('%s', (status) => {
    const time = status === 'active' || status === 'expired' ? 'passes' : refused[status];
    expect(outcome(() => assertMayAsk('renewal', status))).toEqual(time);
    expect(outcome(() => assertMayAsk('access', status))).toEqual(
      status === 'active' ? 'passes' : refused[status],
    );
  });
});

describe('assertWellAsked', () => {
  it.each([
    ['a renewal', { kind: 'renewal', days: 90 }, 'passes'],
    ['a renewal of too many days', { kind: 'renewal', days: 91 }, [400, 'validation', 'days']],
    ['a renewal without days', { kind: 'renewal' }, [400, 'validation', 'days']],
    ['a renewal with demos', { kind: 'renewal', days: 9, demoIds: ['a'] }, [400, 'validation', 'demoIds']],
    ['demos', { kind: 'access', demoIds: ['a', 'b'] }, 'passes'],
    ['no demos', { kind: 'access' }, [400, 'validation', 'demoIds']],
    ['demos and days', { kind: 'access', demoIds: ['a'], days: 9 }, [400, 'validation', 'days']],
  ] as const)('%s', (_, asked, expected) => {
    const { demoIds, ...rest } = { demoIds: undefined, ...asked };
    const copy = { ...rest, ...(demoIds && { demoIds: [...demoIds] }) };
    expect(outcome(() => assertWellAsked(copy, 90))).toEqual(expected);
  });
});

describe('assertPending', () => {
  it.each(requestStatuses)('%s', (status) => {
    expect(outcome(() => assertPending(status))).toEqual(status === 'pending' ? 'passes' : [409, 'conflict']);
  });
});

describe('approvesItself', () => {
  it.each([
    ['off', 1, 0, { days: 0, times: 1 }, false],
    ['as many days as may be', 10, 0, { days: 10, times: 1 }, true],
    ['a day more', 11, 0, { days: 10, times: 1 }, false],
    ['once more', 10, 1, { days: 10, times: 2 }, true],
    ['as often as may be', 10, 2, { days: 10, times: 2 }, false],
    ['never', 1, 0, { days: 10, times: 0 }, false],
  ])('%s', (_, days, done, setting, expected) => {
    expect(approvesItself(days, done, setting)).toBe(expected);
  });
});

describe('approvedOf', () => {
  const asked = [demo('a'), demo('b', 'draft'), demo('c', 'retired')];
  const bad = [400, 'validation', 'items'];
  const item = (demoId: string, approved = true) => ({ demoId, approved });

  it.each([
    ['nothing said: all', [demo('a'), demo('b')], undefined, ['a', 'b']],
    ['some named: those not named are refused', asked, [item('a')], ['a']],
    ['in the order of the request', asked, [item('b'), item('a')], ['a', 'b']],
    ['some refused', asked, [item('a'), item('b', false), item('c', false)], ['a']],
    ['none named', asked, [], bad],
    ['all refused', [demo('a')], [item('a', false)], bad],
    ['one that was not asked for', asked, [item('a'), item('z')], bad],
    ['one that was not asked for, refused', asked, [item('a'), item('z', false)], bad],
    ['one twice', asked, [item('a'), item('a', false)], bad],
    ['all, one being retired', asked, undefined, [409, 'conflict']],
    ['one that is retired', asked, [item('c')], [409, 'conflict']],
  ])('%s', (_, demos, items, expected) => {
    expect(outcome(() => approvedOf(demos, items))).toEqual(expected);
  });

  it('names what is retired', () => {
    expect(() => approvedOf(asked)).toThrow('Retired meanwhile: “Demo c”.');
  });
});

describe('assertSubmittable', () => {
  it.each([
    ['an empty basket', [], [409, 'conflict']],
    ['a full one', [demo('a'), demo('b')], 'passes'],
    [
      'one that has demos no longer shown',
      [demo('a'), demo('b', 'retired'), demo('c', 'draft')],
      [409, 'conflict', 'items.b', 'items.c'],
    ],
  ])('%s', (_, basket, expected) => {
    expect(outcome(() => assertSubmittable(basket))).toEqual(expected);
  });

  it('names ten in a sentence', () => {
    const gone = Array.from({ length: 12 }, (_, index) => demo(`${index}`, 'retired'));
    expect(() => assertSubmittable(gone)).toThrow(
      /^No longer in the catalog: “Demo 0”, .*“Demo 9” and 2 more\./,
    );
  });
});
