import { DAY } from '../common/clock.js';

export const bucketSizes = ['day', 'week', 'month'] as const;
export type BucketSize = (typeof bucketSizes)[number];

/** More than so many make no picture (api.md, Analytics). */
export const MAX_BUCKETS = 1000;

/** Whole UTC days, both included, as the rollups name them (`YYYY-MM-DD`). */
export interface Days {
  first: string;
  last: string;
}

/** A part of a period: its name is the day it starts by the calendar, its days are those within the period. */
export interface Bucket extends Days {
  start: string;
}

/**
 * Cuts a period `[from, to)` to whole UTC days: `from` down, `to` up. Without `to` it ends with today, or with the
 * day of `from` where that is later; without `from` it begins 29 days before its last day.
 * @returns undefined where `to` is not later than `from`
 */
export function wholeDays(from: Date | undefined, to: Date | undefined, now: Date): Days | undefined {
  if (from && to && to <= from) return undefined;
  const last = to ? Math.ceil(to.getTime() / DAY) - 1 : Math.max(dayNumber(now), from ? dayNumber(from) : 0);
  const first = from ? dayNumber(from) : last - 29;
  return { first: dayText(first), last: dayText(last) };
}

/**
 * Splits days into buckets, oldest first, without gaps. A week begins on its Monday (ISO 8601), a month on its first.
 * @returns undefined where there are more than `MAX_BUCKETS`
 */
export function bucketsOf({ first, last }: Days, size: BucketSize): Bucket[] | undefined {
  const end = dayNumberOf(last);
  const buckets: Bucket[] = [];
  for (let day = dayNumberOf(first); day <= end;) {
    if (buckets.length === MAX_BUCKETS) return undefined;
    const next = Math.min(nextStart(day, size), end + 1);
    buckets.push({ start: dayText(startOf(day, size)), first: dayText(day), last: dayText(next - 1) });
    day = next;
  }
  return buckets;
}

/** Returns the first and the last day of the bucket of the calendar in which a day lies. */
export function calendarBucket(day: string, size: BucketSize): Days {
  const number = dayNumberOf(day);
  return { first: dayText(startOf(number, size)), last: dayText(nextStart(number, size) - 1) };
}

/** Returns the instant at which a day begins. */
export function startOfDay(day: string): Date {
  return new Date(`${day}T00:00:00.000Z`);
}

function startOf(day: number, size: BucketSize): number {
  switch (size) {
    case 'day':
      return day;
    case 'week':
      return day - weekday(day);
    case 'month':
      return firstOfMonth(day, 0);
  }
}

function nextStart(day: number, size: BucketSize): number {
  switch (size) {
    case 'day':
      return day + 1;
    case 'week':
      return day - weekday(day) + 7;
    case 'month':
      return firstOfMonth(day, 1);
  }
}

/** Days since Monday; day 0, 1970-01-01, was a Thursday, and days before it have negative numbers. */
function weekday(day: number): number {
  return (((day + 3) % 7) + 7) % 7;
}

function firstOfMonth(day: number, monthsOn: number): number {
  const date = new Date(day * DAY);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + monthsOn, 1) / DAY;
}

function dayNumber(instant: Date): number {
  return Math.floor(instant.getTime() / DAY);
}

function dayNumberOf(day: string): number {
  return dayNumber(startOfDay(day));
}

function dayText(day: number): string {
  return new Date(day * DAY).toISOString().slice(0, 10);
}
