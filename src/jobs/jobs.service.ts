import { setTimeout as sleep } from 'node:timers/promises';
import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { after, Clock, HOUR, MINUTE, SECOND } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { counter, histogram } from '../common/metrics.js';
import { AppConfig } from '../config/app-config.js';
import { DatabaseConnection } from '../database/connection.js';
import { DatabaseUnavailableError } from '../database/errors.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { BACKGROUND_JOBS, type BackgroundJob } from './background-job.js';
import { type JobName, jobNames } from './job-names.js';
import type { JobDto } from './jobs.dto.js';
import { allJobs, endLease, extendLease, type JobRow, takeLease } from './jobs.queries.js';

/** A process that died holds a job no longer than this. */
const LEASE = MINUTE;
/** A lease that ends later was taken by a clock that was wrong. */
const SANE_LEASE = LEASE + HOUR;
/** How long the end of the process waits for a job. */
const FAREWELL = 5 * SECOND;

const jobRuns = counter('job_runs_total', 'Background jobs that were run by this process.', [
  'name',
  'result',
]);
for (const name of jobNames) for (const result of ['ok', 'failed'] as const) jobRuns.inc({ name, result }, 0);
const jobSeconds = histogram(
  'job_seconds',
  'How long background jobs took.',
  ['name'],
  [0.01, 0.1, 1, 10, 60, 600],
);

/** How a run went. */
export interface JobOutcome {
  result: string;
  failed: boolean;
  /** Why it failed, as the log says it: not for those who only see the list. */
  reason?: string;
}

/** Runs the background jobs. Every replica asks what is due; a lease in the database lets exactly one do it. */
@Injectable()
export class JobsService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Jobs');
  /** Names this process in leases. */
  private readonly me = newId();
  private readonly running = new Map<JobName, Promise<unknown>>();
  private readonly closing = new AbortController();
  private ticking = false;

  constructor(
    @Inject(BACKGROUND_JOBS) private readonly jobs: readonly BackgroundJob[],
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly config: AppConfig,
    private readonly connection: DatabaseConnection,
    private readonly scheduler: SchedulerRegistry,
  ) {}

  onApplicationBootstrap(): void {
    const { jobsTickMs } = this.config;
    if (jobsTickMs > 0)
      this.scheduler.addInterval(
        'jobs',
        setInterval(() => void this.tick(), jobsTickMs),
      );
  }

  async onModuleDestroy(): Promise<void> {
    this.closing.abort();
    if (this.scheduler.doesExist('interval', 'jobs')) this.scheduler.deleteInterval('jobs');
    const farewell = new AbortController();
    const late = sleep(FAREWELL, undefined, { signal: farewell.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.running.values()), late]);
    farewell.abort();
  }

  /** Returns every job and how it stands. */
  async list(): Promise<JobDto[]> {
    const rows = await this.rows();
    return this.jobs.map(({ name }) => {
      const { lastRunAt = null, lastResult = null, nextRunAt = null } = rows.get(name) ?? {};
      return { name, lastRunAt, result: lastResult, nextRunAt };
    });
  }

  /**
   * Runs a job now, whenever it is due; waits while another process does it.
   * @returns how it went, or undefined when the other did not come to an end
   */
  async runNow(name: JobName): Promise<JobOutcome | undefined> {
    const job = this.jobs.find((candidate) => candidate.name === name)!;
    for (let waited = 0; waited < LEASE + SECOND; waited += SECOND / 4) {
      const outcome = await this.perform(job, (await this.rows()).get(name), true);
      if (outcome) return outcome;
      await sleep(SECOND / 4);
    }
    return undefined;
  }

  /** Starts what is due and what nobody does. */
  private async tick(): Promise<void> {
    if (this.ticking || this.closing.signal.aborted || !this.connection.status().up) return;
    this.ticking = true;
    try {
      const rows = await this.rows();
      for (const job of this.jobs) {
        const row = rows.get(job.name);
        if (this.running.has(job.name) || !(await this.isDue(job, row))) continue;
        const run = this.perform(job, row, false)
          .catch((error: unknown) => this.complain(error))
          .finally(() => this.running.delete(job.name));
        this.running.set(job.name, run);
      }
    } catch (error) {
      this.complain(error);
    } finally {
      this.ticking = false;
    }
  }

  private async isDue(job: BackgroundJob, row: JobRow | undefined): Promise<boolean> {
    const now = this.clock.now();
    if (row?.leasedUntil && row.leasedUntil > now && row.leasedUntil <= after(now, SANE_LEASE)) return false;
    if (!row?.nextRunAt || row.nextRunAt <= now) return true;
    // Later than a run can be planned: the clock was put back since.
    return row.nextRunAt > after(now, 2 * job.everyMs) || (await job.isDue?.()) === true;
  }

  /**
   * Does a job under its lease.
   * @param row as it was read
   * @returns undefined when another process does it, or has done it since
   */
  private async perform(
    job: BackgroundJob,
    row: JobRow | undefined,
    byHand: boolean,
  ): Promise<JobOutcome | undefined> {
    const { name } = job;
    const { me } = this;
    const now = this.clock.now();
    const planned = row?.nextRunAt ?? null;
    const lease = { name, me, planned, now, until: after(now, LEASE), sane: after(now, SANE_LEASE) };
    if ((await this.uow.execute(takeLease, lease)) === 0) return undefined;
    const extending = setInterval(() => void this.extend(name), LEASE / 3);
    let outcome: JobOutcome;
    const stopTimer = jobSeconds.startTimer({ name });
    try {
      outcome = { result: await job.run({ byHand, signal: this.closing.signal }), failed: false };
      this.logger.debug(`${name}: ${outcome.result}`);
    } catch (error) {
      const reason = reasonOf(error);
      this.logger.error({ msg: `${name} failed: ${reason}`, err: error });
      outcome = { result: 'Failed; the log says why.', failed: true, reason };
    } finally {
      clearInterval(extending);
      stopTimer();
    }
    jobRuns.inc({ name, result: outcome.failed ? 'failed' : 'ok' });
    const end = this.clock.now();
    const { result } = outcome;
    await this.uow.execute(endLease, { name, me, result, now: end, next: after(end, job.everyMs) });
    return outcome;
  }

  private async extend(name: JobName): Promise<void> {
    const until = after(this.clock.now(), LEASE);
    await this.uow
      .execute(extendLease, { name, me: this.me, until })
      .catch((error: unknown) => this.complain(error));
  }

  private async rows(): Promise<Map<string, JobRow>> {
    return new Map((await this.uow.all(allJobs)).map((row) => [row.name, row]));
  }

  /** The connection says itself that it is lost. */
  private complain(error: unknown): void {
    if (error instanceof DatabaseUnavailableError && !this.connection.status().up)
      this.logger.debug(error.message);
    else this.logger.error(error);
  }
}

/** In one line: what happened, and what the database said to it. */
function reasonOf(error: unknown): string {
  const { message, cause } = error instanceof Error ? error : new Error(String(error));
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}
