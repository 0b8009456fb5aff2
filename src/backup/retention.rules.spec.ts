import { keptBackups } from './retention.rules.js';

const backups = (...instants: string[]) =>
  instants.map((name) => ({ name, createdAt: new Date(name.length === 10 ? `${name}T03:00:00Z` : name) }));
const daysOf = (month: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${month}-${String(index + 1).padStart(2, '0')}`);

describe('which backups stay', () => {
  it.each([
    ['none of none', [], { daily: 7, weekly: 5, monthly: 12 }, []],
    [
      'the newest, whatever the rules say',
      ['2026-11-01', '2026-11-02'],
      { daily: 0, weekly: 0, monthly: 0 },
      ['2026-11-02'],
    ],
    [
      'the newest of each day',
      ['2026-11-01T01:00:00Z', '2026-11-01T23:59:59Z', '2026-11-02T00:00:00Z'],
      { daily: 7, weekly: 0, monthly: 0 },
      ['2026-11-02T00:00:00Z', '2026-11-01T23:59:59Z'],
    ],
    [
      'days that have a backup, not days that have passed',
      ['2026-01-01', '2026-06-01', '2026-11-01'],
      { daily: 2, weekly: 0, monthly: 0 },
      ['2026-11-01', '2026-06-01'],
    ],
    [
      'the newest of each week, from Monday on',
      // 2026-11-02 and -09 are Mondays.
      ['2026-11-01', '2026-11-02', '2026-11-08', '2026-11-09'],
      { daily: 0, weekly: 3, monthly: 0 },
      ['2026-11-09', '2026-11-08', '2026-11-01'],
    ],
    [
      'the newest of each month',
      [...daysOf('2026-09', 30), ...daysOf('2026-10', 31)],
      { daily: 0, weekly: 0, monthly: 12 },
      ['2026-10-31', '2026-09-30'],
    ],
  ])('%s', (_, names, rules, expected) => {
    expect([...keptBackups(backups(...names), rules).keys()]).toEqual(expected);
  });

  it('says why', () => {
    const kept = keptBackups(backups(...daysOf('2026-11', 22)), { daily: 2, weekly: 2, monthly: 1 });
    expect(Object.fromEntries(kept)).toEqual({
      '2026-11-22': ['newest', 'daily', 'weekly', 'monthly'],
      '2026-11-21': ['daily'],
      '2026-11-15': ['weekly'],
    });
  });
});
