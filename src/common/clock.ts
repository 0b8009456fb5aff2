import { Injectable } from '@nestjs/common';

/** The only source of the current instant, so that a test can set it. */
@Injectable()
export class Clock {
  now(): Date {
    return new Date();
  }
}

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Returns the instant `milliseconds` after `instant` (before, when negative). */
export function after(instant: Date, milliseconds: number): Date {
  return new Date(instant.getTime() + milliseconds);
}

/** Returns the earliest of the given instants; null and undefined do not count. At least one must be given. */
export function earliest(...instants: (Date | null | undefined)[]): Date {
  return new Date(
    Math.min(...instants.filter((instant) => instant != null).map((instant) => instant.getTime())),
  );
}
