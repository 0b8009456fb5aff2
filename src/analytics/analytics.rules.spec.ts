import { type BucketSize, bucketsOf, startOfDay, wholeDays } from './analytics.rules.js';

const now = new Date('2026-11-21T23:59:59.999Z');
const at = (text: string | undefined) => (text === undefined ? undefined : new Date(text));

describe('wholeDays', () => {
  it.each<[string, string | undefined, string | undefined, string, string]>([
    ['today and the 29 days before', undefined, undefined, '2026-10-23', '2026-11-21'],
    ['30 days up to `to`', undefined, '2026-03-01T00:00:00.000Z', '2026-01-30', '2026-02-28'],
    ['`from` up to today', '2026-11-01T15:00:00.000Z', undefined, '2026-11-01', '2026-11-21'],
    ['the day of a `from` to come', '2027-01-05T15:00:00.000Z', undefined, '2027-01-05', '2027-01-05'],
    ['`from` down', '2026-11-20T23:59:59.999Z', '2026-11-21T00:00:00.000Z', '2026-11-20', '2026-11-20'],
    ['`to` up', '2026-11-20T00:00:00.000Z', '2026-11-21T00:00:00.001Z', '2026-11-20', '2026-11-21'],
    [
      'one instant of a day',
      '2026-11-20T12:00:00.000Z',
      '2026-11-20T12:00:00.001Z',
      '2026-11-20',
      '2026-11-20',
    ],
    ['a leap day', '2028-02-28T00:00:00.000Z', '2028-03-01T00:00:00.000Z', '2028-02-28', '2028-02-29'],
    [
      'the last day there is',
      '9999-12-31T00:00:00.000Z',
      '9999-12-31T23:59:59.999Z',
      '9999-12-31',
      '9999-12-31',
    ],
    ['before the first one', undefined, '1970-01-01T00:00:00.000Z', '1969-12-02', '1969-12-31'],
  ])('takes %s', (_, from, to, first, last) => {
    expect(wholeDays(at(from), at(to), now)).toEqual({ first, last });
  });

  it.each([
    ['2026-11-20T12:00:00.000Z', '2026-11-20T12:00:00.000Z'],
    ['2026-11-21T00:00:00.000Z', '2026-11-20T00:00:00.000Z'],
  ])('refuses [%s, %s)', (from, to) => {
    expect(wholeDays(at(from), at(to), now)).toBeUndefined();
  });
});

describe('bucketsOf', () => {
  it.each<[BucketSize, string, string, [string, string, string][]]>([
    [
      'day',
      '2026-02-27',
      '2026-03-01',
      [
        ['2026-02-27', '2026-02-27', '2026-02-27'],
        ['2026-02-28', '2026-02-28', '2026-02-28'],
        ['2026-03-01', '2026-03-01', '2026-03-01'],
      ],
    ],
    // 2027-01-01 is a Friday of the week of 2026-12-28.
    [
      'week',
      '2026-12-31',
      '2027-01-04',
      [
        ['2026-12-28', '2026-12-31', '2027-01-03'],
        ['2027-01-04', '2027-01-04', '2027-01-04'],
      ],
    ],
    ['week', '2026-11-16', '2026-11-22', [['2026-11-16', '2026-11-16', '2026-11-22']]],
    ['week', '1970-01-01', '1970-01-01', [['1969-12-29', '1970-01-01', '1970-01-01']]],
    ['week', '1969-12-28', '1969-12-28', [['1969-12-22', '1969-12-28', '1969-12-28']]],
    [
      'month',
      '2028-01-31',
      '2028-03-01',
      [
        ['2028-01-01', '2028-01-31', '2028-01-31'],
        ['2028-02-01', '2028-02-01', '2028-02-29'],
        ['2028-03-01', '2028-03-01', '2028-03-01'],
      ],
    ],
    ['month', '9999-12-30', '9999-12-31', [['9999-12-01', '9999-12-30', '9999-12-31']]],
  ])('%s: %s to %s', (size, first, last, expected) => {
    expect(bucketsOf({ first, last }, size)).toEqual(
      expected.map(([start, from, to]) => ({ start, first: from, last: to })),
    );
  });

  it('makes a thousand, not more', () => {
    const thousand = { first: '2020-01-01', last: '2022-09-26' };
    expect(bucketsOf(thousand, 'day')).toHaveLength(1000);
    expect(bucketsOf({ ...thousand, last: '2022-09-27' }, 'day')).toBeUndefined();
    expect(bucketsOf({ ...thousand, last: '2022-09-27' }, 'week')).toHaveLength(144);
    expect(bucketsOf({ first: '1970-01-01', last: '9999-12-31' }, 'month')).toBeUndefined();
  });
});

it('a day starts at midnight UTC', () => {
  expect(startOfDay('2026-11-21').toISOString()).toBe('2026-11-21T00:00:00.000Z');
});
