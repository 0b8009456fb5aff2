import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AppConfig } from '../config/app-config.js';
import { buildDataSource } from './data-source.js';
import { Database } from './database.js';
import { describeDatabase } from './database-url.js';
import { DatabaseUnavailableError, isStatementTimeout } from './errors.js';
import { UnitPostgresDriver } from './postgres/unit-driver.js';
import type { Statement, StatementResult } from './sql.js';

/** A replica that is away is tried again so much later. */
const RETRY_MS = 10_000;
/** How long the question how it is waits for a connection. */
const PATIENCE_MS = 300;

/** How far the replica is behind. */
export interface ReplicaState {
  readonly up: boolean;
  /** The position in the log up to which it has replayed, in bytes; undefined where it is no standby. */
  readonly replayedBytes?: number;
  /** How long ago the last transaction was made that it has replayed. */
  readonly replayedSecondsAgo?: number;
}

/**
 * Reads that may be some seconds old (analytics): from the replica of DATABASE_REPLICA_URL, and from the primary where
 * there is none, while it is away, or where it fails. Inside a unit of work it is the unit's own connection.
 */
@Injectable()
export class ReplicaDatabase extends Database implements OnApplicationShutdown {
  private readonly logger = new Logger('Replica');
  private readonly replica: DataSource | undefined;
  private readonly where: string = '';
  private usable = false;
  private retryAt = -Infinity;
  private connecting?: Promise<void>;

  constructor(primary: DataSource, { database }: AppConfig) {
    super(primary);
    const { replicaUrl } = database;
    if (!replicaUrl) return;
    this.where = describeDatabase(replicaUrl);
    this.replica = buildDataSource({ ...database, url: replicaUrl }, { role: 'app', entities: [] });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.connecting;
    if (this.replica?.isInitialized) await this.replica.destroy();
  }

  /** How the replica is; undefined where none is configured. */
  async state(): Promise<ReplicaState | undefined> {
    if (!this.replica) return undefined;
    await Promise.race([this.connect(), sleep(PATIENCE_MS, undefined, { ref: false })]);
    try {
      if (!this.usable) return { up: false };
      const { rows } = await this.onReplica({
        text: `SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::float8 AS "bytes",
          EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS "seconds"`,
      });
      const { bytes, seconds } = rows[0] as { bytes: number | null; seconds: number | null };
      return {
        up: true,
        ...(bytes !== null && { replayedBytes: bytes }),
        ...(seconds !== null && { replayedSecondsAgo: seconds }),
      };
    } catch (error) {
      this.lost(error);
      return { up: false };
    }
  }

  protected override send(
    statement: Statement,
    values: unknown[],
  ): StatementResult | Promise<StatementResult> {
    if (!this.replica || this.isInUnit) return super.send(statement, values);
    return this.preferReplica(statement, values);
  }

  private async preferReplica(statement: Statement, values: unknown[]): Promise<StatementResult> {
    this.assertConnected();
    if (!this.usable) {
      void this.connect();
      return super.send(statement, values);
    }
    try {
      return await this.onReplica(statement, values);
    } catch (error) {
      // The primary would take as long.
      if (isStatementTimeout(error)) throw error;
      if (error instanceof DatabaseUnavailableError) this.lost(error);
      // Else it may lack what a migration has just made, or had to replay what the query read: the primary knows.
      return super.send(statement, values);
    }
  }

  private onReplica(statement: Statement, values: unknown[] = []): Promise<StatementResult> {
    return (this.replica!.driver as UnitPostgresDriver).execute(statement, values);
  }

  /** Connects when it is time to; never throws. */
  private connect(): Promise<void> {
    if (this.usable || performance.now() < this.retryAt) return Promise.resolve();
    this.connecting ??= this.tryToConnect().finally(() => (this.connecting = undefined));
    return this.connecting;
  }

  private async tryToConnect(): Promise<void> {
    try {
      if (this.replica!.isInitialized) await this.onReplica({ text: 'SELECT 1' });
      else await this.replica!.initialize();
      this.usable = true;
      this.logger.log(`Analytics are read from ${this.where}`);
    } catch (error) {
      this.lost(error);
    }
  }

  private lost(error: unknown): void {
    if (this.usable || this.retryAt === -Infinity)
      this.logger.warn(
        `The replica, ${this.where}, is away (${(error as Error).message}): analytics are read from the primary.`,
      );
    this.usable = false;
    this.retryAt = performance.now() + RETRY_MS;
  }
}
