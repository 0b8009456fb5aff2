import { statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, SECOND } from '../common/clock.js';
import { forget, gauge } from '../common/metrics.js';
import { AppConfig } from '../config/app-config.js';
import { DatabaseConnection } from '../database/connection.js';
import { UnitPostgresDriver } from '../database/postgres/unit-driver.js';
import { ReplicaDatabase } from '../database/replica.js';
import { LaneSqliteDriver } from '../database/sqlite/lane-driver.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { activity, jobs, lastBackups, serverSizes, tableRows, walSize } from './metrics.queries.js';

/** How long what was read is handed out again: scraping must not load what it watches. */
const SHARED = 10 * SECOND;
/** How long a scrape waits for the database. */
const PATIENCE = SECOND;
/** How long PostgreSQL works on one of its questions. */
const STATEMENT_TIMEOUT = 2 * SECOND;

const databaseUp = gauge('database_up', '1 when the database answered the last questions in time.');
const pool = gauge('database_pool_connections', 'PostgreSQL: connections of this process.', ['state']);
const poolWaiting = gauge('database_pool_waiting', 'PostgreSQL: who waits for a connection.');
const poolSize = gauge('database_pool_size', 'PostgreSQL: the most connections of this process.');
const laneWaiting = gauge('write_lane_waiting', 'SQLite: writes that wait for their turn.');

/** What only the database knows: not there while it does not answer. */
const read = {
  migration: gauge('migration_info', 'The last migration that is applied, as `version`.', ['version']),
  pending: gauge('migrations_pending', 'Migrations of this release that are not applied.'),
  ahead: gauge('migrations_ahead', '1 when a newer release has migrated the database.'),
  size: gauge('database_size_bytes', 'Size of the database, on SQLite of its file.'),
  walSize: gauge(
    'database_wal_size_bytes',
    'Size of the write-ahead log; on PostgreSQL where the role may know it.',
  ),
  walWritten: gauge(
    'database_wal_written_bytes',
    'PostgreSQL: what was written to the log since the cluster was made.',
  ),
  rows: gauge('table_rows', 'PostgreSQL: rows by table, estimated.', ['table']),
  deadRows: gauge('table_dead_rows', 'PostgreSQL: dead rows by table, estimated.', ['table']),
  liveDemoSessions: gauge('demo_sessions_live', 'Demo sessions that live.'),
  mails: gauge(
    'outbox_mails',
    'Mails that wait to be sent, and those that were given up and are still kept.',
    ['state'],
  ),
  oldestMail: gauge('outbox_oldest_waiting_seconds', 'For how long the oldest waiting mail has waited.'),
  jobRan: gauge('job_last_run_timestamp_seconds', 'When a background job ended last, on any replica.', [
    'name',
  ]),
  jobDue: gauge('job_next_run_timestamp_seconds', 'When a background job is due next.', ['name']),
  replicaUp: gauge('replica_up', '1 while the replica of DATABASE_REPLICA_URL answers.'),
  replicaLag: gauge(
    'replica_lag_seconds',
    'How old what the replica has replayed is; 0 where it has replayed all.',
  ),
  replicaLagBytes: gauge('replica_lag_bytes', 'What of the log the replica has not replayed.'),
  backupEnded: gauge('backup_last_timestamp_seconds', 'When the last backup ended, by its result.', [
    'result',
  ]),
  backupSize: gauge('backup_last_size_bytes', 'Size of the last backup that went well.'),
  backupTook: gauge('backup_last_duration_seconds', 'How long the last backup that went well took.'),
};

const volumeSize = gauge('volume_size_bytes', 'Size of the volume that holds the files.', ['volume']);
const volumeFree = gauge('volume_free_bytes', 'What is free of it.', ['volume']);

for (const one of [...Object.values(read), poolWaiting, poolSize, laneWaiting]) forget(one);

/** The gauges of the database: what the driver knows at once, the rest asked for at most every ten seconds. */
@Injectable()
export class DatabaseGauges {
  private readonly logger = new Logger('Metrics');
  private readAt = -Infinity;
  /** The primary's position in the log, as it was read last. */
  private written = 0;
  private reading?: Promise<void>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly uow: UnitOfWork,
    private readonly connection: DatabaseConnection,
    private readonly replica: ReplicaDatabase,
    private readonly clock: Clock,
    private readonly config: AppConfig,
  ) {}

  /** Brings the gauges up to date; never throws, and never waits long for a database that does not answer. */
  async refresh(): Promise<void> {
    this.readDriver();
    if (performance.now() - this.readAt > SHARED) {
      this.reading ??= this.readAll().finally(() => {
        this.reading = undefined;
        this.readAt = performance.now();
      });
    }
    if (!this.reading) return;
    const inTime = await Promise.race([
      this.reading.then(() => true),
      sleep(PATIENCE, false, { ref: false }),
    ]);
    if (!inTime) this.lose();
  }

  /** What the process knows itself. */
  private readDriver(): void {
    const { driver } = this.dataSource;
    if (driver instanceof UnitPostgresDriver) {
      const { total, idle, waiting } = driver.poolState;
      pool.set({ state: 'in_use' }, total - idle);
      pool.set({ state: 'idle' }, idle);
      poolWaiting.set(waiting);
      poolSize.set(this.config.database.poolSize);
    } else if (driver instanceof LaneSqliteDriver) laneWaiting.set(driver.lane.waiting);
  }

  private async readAll(): Promise<void> {
    await this.readVolumes();
    try {
      const { up, pendingMigrations, ahead, migration } = await this.connection.check();
      if (!up) this.lose();
      if (up || pendingMigrations > 0) {
        read.pending.set(pendingMigrations);
        read.ahead.set(Number(ahead));
        read.migration.reset();
        if (migration !== undefined) read.migration.set({ version: migration }, 1);
      }
      if (!up) return;
      await this.briefly(async () => {
        await this.readSizes();
        await this.readActivity();
        await this.readBackups();
      });
      await this.readReplica();
      databaseUp.set(1);
    } catch (error) {
      this.logger.debug(error);
      this.lose();
    }
  }

  private lose(): void {
    databaseUp.set(0);
    Object.values(read).forEach(forget);
  }

  /** On PostgreSQL under a short time-out, by one connection; SQLite answers at once, beside the writer. */
  private briefly(work: () => Promise<void>): Promise<void> {
    if (this.uow.dialect === 'sqlite') return work();
    return this.uow.run(async () => {
      await this.uow.execute(`SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT}`);
      await work();
    });
  }

  private async readSizes(): Promise<void> {
    const { url } = this.config.database;
    if (url.kind === 'sqlite') {
      read.size.set(fileSize(url.path));
      read.walSize.set(fileSize(`${url.path}-wal`));
      return;
    }
    const [sizes] = await this.uow.query<{ database: number; walWritten: number | null; maySeeWal: boolean }>(
      serverSizes,
      {},
      { walWritten: 'integer' },
    );
    read.size.set(sizes!.database);
    this.written = sizes!.walWritten ?? 0;
    if (sizes!.walWritten !== null) read.walWritten.set(sizes!.walWritten);
    if (sizes!.maySeeWal) {
      const [wal] = await this.uow.query<{ bytes: number }>(walSize, {}, { bytes: 'integer' });
      read.walSize.set(wal!.bytes);
    }
    read.rows.reset();
    read.deadRows.reset();
    for (const { table, rows, deadRows } of await this.uow.query<{
      table: string;
      rows: number;
      deadRows: number;
    }>(tableRows)) {
      read.rows.set({ table }, rows);
      read.deadRows.set({ table }, deadRows);
    }
  }

  private async readActivity(): Promise<void> {
    const now = this.clock.now();
    const row = (await this.uow.get(activity, { now }))!;
    read.liveDemoSessions.set(row.liveDemoSessions);
    read.mails.set({ state: 'waiting' }, row.waitingMails);
    read.mails.set({ state: 'failed' }, row.failedMails);
    read.oldestMail.set(row.oldestMail ? (now.getTime() - row.oldestMail.getTime()) / SECOND : 0);
    for (const { name, lastRunAt, nextRunAt } of await this.uow.all(jobs)) {
      if (lastRunAt) read.jobRan.set({ name }, lastRunAt.getTime() / SECOND);
      if (nextRunAt) read.jobDue.set({ name }, nextRunAt.getTime() / SECOND);
    }
  }

  private async readBackups(): Promise<void> {
    for (const { result, startedAt, finishedAt, sizeBytes } of await this.uow.all(lastBackups)) {
      read.backupEnded.set({ result }, finishedAt.getTime() / SECOND);
      if (result !== 'ok') continue;
      read.backupSize.set(sizeBytes ?? 0);
      read.backupTook.set((finishedAt.getTime() - startedAt.getTime()) / SECOND);
    }
  }

  /** After the primary's position was read, so that a replica that keeps up is not behind. */
  private async readReplica(): Promise<void> {
    const state = await this.replica.state();
    if (!state) return;
    read.replicaUp.set(Number(state.up));
    forget(read.replicaLag);
    forget(read.replicaLagBytes);
    if (!state.up) return;
    const behind = Math.max(0, this.written - (state.replayedBytes ?? this.written));
    read.replicaLagBytes.set(behind);
    read.replicaLag.set(behind === 0 ? 0 : (state.replayedSecondsAgo ?? 0));
  }

  /** Where the product writes files; one that can't be read is not there. */
  private async readVolumes(): Promise<void> {
    const { backup, database } = this.config;
    const { url } = database;
    const folders = { backups: backup.folder, ...(url.kind === 'sqlite' && { data: dirname(url.path) }) };
    for (const [volume, folder] of Object.entries(folders)) {
      const found = await statfs(folder).catch(() => undefined);
      if (!found) {
        volumeSize.remove({ volume });
        volumeFree.remove({ volume });
        continue;
      }
      volumeSize.set({ volume }, found.blocks * found.bsize);
      volumeFree.set({ volume }, found.bavail * found.bsize);
    }
  }
}

function fileSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
