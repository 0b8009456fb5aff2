import { prepare } from '../database/sql.js';

/** A job as it stands. */
export interface JobRow {
  name: string;
  leasedUntil: Date | null;
  lastRunAt: Date | null;
  lastResult: string | null;
  nextRunAt: Date | null;
}

export const allJobs = prepare<JobRow>(
  'jobs',
  `SELECT "name", "leased_until" AS "leasedUntil", "last_run_at" AS "lastRunAt", "last_result" AS "lastResult",
     "next_run_at" AS "nextRunAt" FROM "jobs"`,
  { leasedUntil: 'instant', lastRunAt: 'instant', nextRunAt: 'instant' },
);

/**
 * Takes the lease, of two who try at once for one, unless another has run the job since it was read (`:planned`).
 * `:sane` is an instant that no lease of a right clock reaches.
 */
export const takeLease = prepare(
  'job-lease',
  `INSERT INTO "jobs" ("name", "leased_by", "leased_until", "next_run_at") VALUES (:name, :me, :until, :planned)
   ON CONFLICT ("name") DO UPDATE SET "leased_by" = excluded."leased_by", "leased_until" = excluded."leased_until"
   WHERE "jobs"."next_run_at" IS NOT DISTINCT FROM excluded."next_run_at"
     AND ("jobs"."leased_until" IS NULL OR "jobs"."leased_until" <= :now OR "jobs"."leased_until" > :sane)`,
);

export const extendLease = prepare(
  'job-lease-extend',
  `UPDATE "jobs" SET "leased_until" = :until WHERE "name" = :name AND "leased_by" = :me`,
);

/** Gives the lease back and notes how it went; nothing where another has taken it over. */
export const endLease = prepare(
  'job-lease-end',
  `UPDATE "jobs" SET "leased_by" = NULL, "leased_until" = NULL, "last_run_at" = :now, "last_result" = :result,
     "next_run_at" = :next WHERE "name" = :name AND "leased_by" = :me`,
);
