import type { Pool } from 'pg';
import type { ReplicationMode } from 'typeorm';
import { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { failedQuery } from '../errors.js';
import { connectionFailures } from '../metrics.js';
import type { Statement, StatementResult, StatementRunner } from '../sql.js';
import { UnitPostgresQueryRunner } from './unit-query-runner.js';

/** PostgreSQL with the guard of the unit of work, and errors that say when to try again later. */
export class UnitPostgresDriver extends PostgresDriver implements StatementRunner {
  override createQueryRunner(mode: ReplicationMode): UnitPostgresQueryRunner {
    return new UnitPostgresQueryRunner(this, mode);
  }

  override async connect(): Promise<void> {
    try {
      await super.connect();
    } catch (error) {
      // TypeORM would leave the pool open behind a server that goes in between.
      if (this.master) await this.disconnect();
      throw error;
    }
  }

  /** Connections in all, idle ones, and callers that wait for one. */
  get poolState(): { total: number; idle: number; waiting: number } {
    const pool = this.master as Pool | undefined;
    return { total: pool?.totalCount ?? 0, idle: pool?.idleCount ?? 0, waiting: pool?.waitingCount ?? 0 };
  }

  async execute(statement: Statement, values: readonly unknown[]): Promise<StatementResult> {
    const runner = this.createQueryRunner('master');
    try {
      return await runner.execute(statement, values);
    } finally {
      await runner.release();
    }
  }

  override async obtainMasterConnection(): ReturnType<PostgresDriver['obtainMasterConnection']> {
    try {
      return await super.obtainMasterConnection();
    } catch (error) {
      connectionFailures.inc({ stage: 'pool' });
      throw failedQuery('connect', error, this.dataSource);
    }
  }
}
