import { after, DAY, HOUR } from '../common/clock.js';
import { reminderFor } from './reminders.rules.js';

const accessEndsAt = new Date('2026-12-01T12:00:00.000Z');
const client = { id: 'c', accessEndsAt };
const end = `c:${accessEndsAt.toISOString()}`;

describe('reminderFor', () => {
  it.each([
    ['8 days before', -8 * DAY, undefined],
    ['a moment before the first', -7 * DAY - 1, undefined],
    [
      'at the first',
      -7 * DAY,
      { kind: 'access-ending', dedupeKey: `access-ending:${end}:7`, params: { accessEndsAt, days: 7 } },
    ],
    [
      'between them',
      -2 * DAY,
      { kind: 'access-ending', dedupeKey: `access-ending:${end}:7`, params: { accessEndsAt, days: 2 } },
    ],
    [
      'at the second',
      -DAY,
      { kind: 'access-ending', dedupeKey: `access-ending:${end}:1`, params: { accessEndsAt, days: 1 } },
    ],
    [
      'an hour before the end',
      -HOUR,
      { kind: 'access-ending', dedupeKey: `access-ending:${end}:1`, params: { accessEndsAt, days: 1 } },
    ],
    ['at the end', 0, { kind: 'access-ended', dedupeKey: `access-ended:${end}` }],
    ['after it', DAY, { kind: 'access-ended', dedupeKey: `access-ended:${end}` }],
  ])('%s', (_, offset, expected) => {
    const reminder = reminderFor(client, [7, 1], after(accessEndsAt, offset));
    if (expected) expect(reminder).toMatchObject(expected);
    else expect(reminder).toBeUndefined();
  });

  it('reminds nobody when the setting is empty, but tells the end', () => {
    expect(reminderFor(client, [], after(accessEndsAt, -1))).toBeUndefined();
    expect(reminderFor(client, [], accessEndsAt)?.kind).toBe('access-ended');
  });
});
