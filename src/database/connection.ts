import { existsSync, statSync } from 'node:fs';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AppConfig } from '../config/app-config.js';
import { DatabaseFaultError, explainFault } from './connection-fault.js';
import type { DatabaseSettings } from './database-settings.js';
import { allowUse } from './database.js';
import { describeDatabase } from './database-url.js';
import { FileLock } from './file-lock.js';
import { connectionFailures } from './metrics.js';
import { MigrationRefusedError, Migrator } from './migrator.js';
import { releasedSchema, type ReleasedSchema } from './released-schema.js';
import { LaneSqliteDriver } from './sqlite/lane-driver.js';

/** What the server knows of its database. */
export interface DatabaseStatus {
  readonly up: boolean;
  /** Why it is not up, in one sentence. */
  readonly reason?: string;
  /** What to do about it. */
  readonly hint?: string;
  readonly pendingMigrations: number;
  /** A newer release migrated the database. */
  readonly ahead: boolean;
  /** The last migration that is applied, where one is known. */
  readonly migration?: string;
}

/** A larger file takes too long to check before a server is ready; `ecatalog doctor` checks it. */
const quickCheckBytes = 64 * 2 ** 20;
const retryDelaysMs = [500, 1_000, 2_000, 5_000];

/**
 * Connects in the background and never fails the boot: a server without its database is live but not ready, says in
 * the log what to do, and goes on by itself once that is done. Nothing is created or migrated here.
 */
@Injectable()
export class DatabaseConnection implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('Database');
  private readonly settings: DatabaseSettings;
  private current: DatabaseStatus = {
    up: false,
    reason: 'Not connected yet.',
    pendingMigrations: 0,
    ahead: false,
  };
  private lock?: FileLock;
  private retry?: NodeJS.Timeout;
  private connecting?: Promise<DatabaseStatus>;
  private failures = 0;
  private closed = false;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly dataSource: DataSource,
    config: AppConfig,
  ) {
    this.settings = config.database;
    allowUse(dataSource, false);
  }

  /** What the migrations are held against; a test brings its own. */
  protected get schema(): ReleasedSchema {
    return releasedSchema;
  }

  onModuleInit(): void {
    void this.connect();
  }

  /**
   * Claims the SQLite file for this process; nothing to do on PostgreSQL, or where no file is.
   * @throws DatabaseFileInUseError where another server has it
   */
  claimFile(): void {
    const { url, mustExist, besideServer } = this.settings;
    if (url.kind !== 'sqlite' || besideServer || this.lock || (mustExist && !existsSync(url.path))) return;
    this.lock = FileLock.acquire(url.path);
  }

  /** The status as it was found last. */
  status(): DatabaseStatus {
    return this.current;
  }

  /** Asks the database now: what readiness answers. */
  async check(): Promise<DatabaseStatus> {
    if (!this.dataSource.isInitialized) return this.current;
    try {
      return this.found(await this.readStatus());
    } catch (error) {
      return this.found(this.faulty(error));
    }
  }

  /** Tries to connect once and goes on trying in the background. Returns what the first try found; never throws. */
  connect(): Promise<DatabaseStatus> {
    this.connecting ??= this.tryToConnect().finally(() => (this.connecting = undefined));
    return this.connecting;
  }

  /** Resolves once there is a migrated database, at once where there is one. */
  whenUp(): Promise<void> {
    return this.current.up ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    await this.connecting;
    await this.disconnect();
  }

  private async tryToConnect(): Promise<DatabaseStatus> {
    if (this.closed || this.dataSource.isInitialized) return this.current;
    clearTimeout(this.retry);
    let status: DatabaseStatus;
    try {
      this.assertFileExists();
      this.claimFile();
      await this.dataSource.initialize();
      this.assertFileWhole();
      status = await this.readStatus();
    } catch (error) {
      if (!(error instanceof MigrationRefusedError)) connectionFailures.inc({ stage: 'connect' });
      status = this.faulty(error);
    }
    if (!status.up) {
      await this.disconnect();
      this.retryLater();
    }
    return this.found(status);
  }

  private retryLater(): void {
    if (this.closed) return;
    const delay = retryDelaysMs[Math.min(this.failures++, retryDelaysMs.length - 1)];
    this.retry = setTimeout(() => void this.connect(), delay);
  }

  /** Lets go of the file, too: whoever follows the hint (`ecatalog migrate up`) needs it. */
  private async disconnect(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy().catch(() => undefined);
    this.lock?.release();
    this.lock = undefined;
  }

  private assertFileExists(): void {
    const { url, mustExist } = this.settings;
    if (url.kind === 'sqlite' && mustExist && !existsSync(url.path))
      throw new DatabaseFaultError(
        `The SQLite file ${url.path} does not exist.`,
        'Attach the volume that holds it or restore a backup; for a new catalog run `ecatalog migrate up`.',
      );
  }

  private assertFileWhole(): void {
    const { driver } = this.dataSource;
    const { url } = this.settings;
    if (url.kind !== 'sqlite' || !(driver instanceof LaneSqliteDriver)) return;
    if (statSync(url.path).size > quickCheckBytes) return;
    const [row] = driver.reader.run('PRAGMA quick_check(1)').rows;
    if (row?.quick_check !== 'ok')
      throw new DatabaseFaultError(
        `The SQLite file ${url.path} is damaged.`,
        'Restore it from a backup (`ecatalog backup restore`); nothing was changed.',
      );
  }

  private async readStatus(): Promise<DatabaseStatus> {
    const { applied, pending, ahead } = await new Migrator(this.dataSource, this.schema).status();
    const migration = ahead.at(-1) ?? applied.at(-1);
    const common = {
      pendingMigrations: pending.length,
      ahead: ahead.length > 0,
      ...(migration !== undefined && { migration }),
    };
    if (pending.length === 0) return { up: true, ...common };
    const [count, them] =
      pending.length === 1 ? ['One migration is', 'it'] : [`${pending.length} migrations are`, 'them'];
    return {
      up: false,
      reason: `${count} not applied to ${describeDatabase(this.settings.url)}.`,
      hint: `Run \`ecatalog migrate up\` to apply ${them}.`,
      ...common,
    };
  }

  private faulty(error: unknown): DatabaseStatus {
    const { reason, hint } = explainFault(error, this.settings.url);
    return { up: false, reason, hint, pendingMigrations: 0, ahead: false };
  }

  /** Keeps the status, and logs it where it says something new. */
  private found(status: DatabaseStatus): DatabaseStatus {
    const before = this.current;
    this.current = status;
    // A server that is lost is asked again by each query; a schema that is not ours must not be.
    if (status.up || status.pendingMigrations > 0) allowUse(this.dataSource, status.up);
    if (status.up) {
      this.failures = 0;
      for (const resolve of this.waiting.splice(0)) resolve();
    }
    if (status.up !== before.up || status.reason !== before.reason) this.log(status);
    return status;
  }

  private log({ up, reason, hint, ahead }: DatabaseStatus): void {
    if (!up) this.logger.error(`${reason} ${hint}`);
    else this.logger.log(`Connected to ${describeDatabase(this.settings.url)}`);
    if (up && ahead)
      this.logger.warn(
        'A newer release migrated this database; this one goes on, but should be upgraded too.',
      );
  }
}
