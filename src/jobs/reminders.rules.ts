import { after, DAY } from '../common/clock.js';

/** What a client is told about the end of the access, once by its key; `days` are left, a begun one counted. */
export type Reminder = { dedupeKey: string } & (
  | { kind: 'access-ending'; params: { accessEndsAt: Date; days: number } }
  | { kind: 'access-ended'; params: { accessEndsAt: Date } }
);

/**
 * Decides what a client is to be told at an instant: of several reminders that are due the last one, so that one who
 * is reminded late is not reminded twice. A window that was moved is told anew.
 * @param daysBefore the setting `reminder.daysBefore`
 */
export function reminderFor(
  { id, accessEndsAt }: { id: string; accessEndsAt: Date },
  daysBefore: readonly number[],
  now: Date,
): Reminder | undefined {
  const key = `${id}:${accessEndsAt.toISOString()}`;
  if (accessEndsAt <= now)
    return { kind: 'access-ended', dedupeKey: `access-ended:${key}`, params: { accessEndsAt } };
  const due = daysBefore.filter((before) => after(accessEndsAt, -before * DAY) <= now);
  if (due.length === 0) return undefined;
  const days = Math.ceil((accessEndsAt.getTime() - now.getTime()) / DAY);
  const dedupeKey = `access-ending:${key}:${Math.min(...due)}`;
  return { kind: 'access-ending', dedupeKey, params: { accessEndsAt, days } };
}
