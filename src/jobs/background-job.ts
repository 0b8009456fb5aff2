import type { JobName } from './job-names.js';

/** How a job is run. */
export interface JobRun {
  /** By a person, now: what would wait is done too. */
  byHand: boolean;
  /** The process ends: what can wait for the next run shall. */
  signal: AbortSignal;
}

/** Periodic work. It must be safe to repeat, and to be taken over where the process that did it died. */
export interface BackgroundJob {
  readonly name: JobName;
  /** From the end of one run to the next. */
  readonly everyMs: number;
  /** Tells whether there is something to do before that; asked at each tick, so it only reads, and little. */
  isDue?(): Promise<boolean>;
  /** @returns what was done, in words for an administrator */
  run(run: JobRun): Promise<string>;
}

/** Provides the list of all jobs. */
export const BACKGROUND_JOBS = Symbol('background jobs');

/** Returns `2 mails`, `1 mail`, `no mails`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? `1 ${one}` : `${count === 0 ? 'no' : count} ${many}`;
}
