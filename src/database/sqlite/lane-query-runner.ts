import {
  QueryResult,
  QueryRunnerAlreadyReleasedError,
  TransactionAlreadyStartedError,
  TransactionNotStartedError,
  type ObjectLiteral,
  type Table,
  TableCheck,
} from 'typeorm';
import { BetterSqlite3QueryRunner } from 'typeorm/driver/better-sqlite3/BetterSqlite3QueryRunner.js';
import {
  DatabaseUnavailableError,
  OutsideUnitOfWorkError,
  TransactionAbortedError,
  failedQuery,
} from '../errors.js';
import { bindValue, type Statement, type StatementResult } from '../sql.js';
import { assertBelongsToUnit, type UnitOptions, type UnitRunner } from '../unit-context.js';
import { parseCreateTable } from './catalogue.js';
import type { LaneSqliteDriver } from './lane-driver.js';
import type { Turn } from './shared-commit.js';
import type { WriteResult } from './sqlite.js';

/**
 * A caller's own query runner. A transaction holds the lane from BEGIN IMMEDIATE to its end; outside of one, reads go
 * to the reading connection and each write takes the lane for itself.
 */
export class LaneQueryRunner extends BetterSqlite3QueryRunner implements UnitRunner {
  declare driver: LaneSqliteDriver;
  private turn?: Turn | undefined;
  private sealed = false;
  private failure?: unknown;
  private idleTimer?: NodeJS.Timeout;

  override query(
    text: string,
    parameters: unknown[] | ObjectLiteral | undefined,
    structured: true,
  ): Promise<QueryResult>;
  override query<T>(text: string, parameters?: unknown[] | ObjectLiteral): Promise<T>;
  override async query(
    text: string,
    parameters?: unknown[] | ObjectLiteral,
    structured = false,
  ): Promise<unknown> {
    const values = Array.isArray(parameters) ? parameters.map((value) => bindValue(value, 'sqlite')) : [];
    const { rows, affected, lastId } = await this.perform(text, values);
    const result = new QueryResult();
    if (lastId === undefined) result.raw = result.records = rows;
    else Object.assign(result, { raw: lastId, affected });
    return structured ? result : (result.raw as unknown);
  }

  execute({ text }: Statement, values: readonly unknown[]): StatementResult | Promise<StatementResult> {
    return this.perform(text, values);
  }

  seal(): void {
    this.sealed = true;
  }

  override startTransaction(): Promise<void> {
    return this.begin();
  }

  async begin({ brief = false }: UnitOptions = {}): Promise<void> {
    this.assertUsable();
    if (this.isTransactionActive) throw new TransactionAlreadyStartedError();
    this.turn = await this.driver.begin(brief).catch((error: unknown) => {
      throw failedQuery('BEGIN IMMEDIATE', error, this.dataSource);
    });
    this.isTransactionActive = true;
    this.transactionDepth = 1;
    this.failure = undefined;
    this.idleTimer = setTimeout(() => this.expire(), this.driver.settings.idleTxTimeoutMs);
  }

  override async commitTransaction(): Promise<void> {
    if (!this.isTransactionActive) throw new TransactionNotStartedError();
    this.assertNotFailed();
    const { turn } = this;
    this.endTransaction();
    await turn?.commit().catch((error: unknown) => {
      throw failedQuery('COMMIT', error, this.dataSource);
    });
  }

  override async rollbackTransaction(): Promise<void> {
    if (!this.isTransactionActive) throw new TransactionNotStartedError();
    const { turn } = this;
    this.endTransaction();
    await turn?.rollback();
  }

  override async release(): Promise<void> {
    if (this.isTransactionActive) await this.rollbackTransaction();
    this.isReleased = true;
    await super.release();
  }

  /** TypeORM's own reading of CHECKs overlooks the last one, and those that span lines. */
  protected override async loadTables(names?: string[]): Promise<Table[]> {
    const tables = await super.loadTables(names);
    for (const table of tables) {
      const [row] = await this.query<{ sql: string }[]>(
        `SELECT "sql" FROM "sqlite_master" WHERE "name" = ?`,
        [table.name],
      );
      const checks = row ? [...parseCreateTable(row.sql).checks] : [];
      table.checks = checks.map(([name, expression]) => new TableCheck({ name, expression }));
    }
    return tables;
  }

  private perform(text: string, values: readonly unknown[]): WriteResult | Promise<WriteResult> {
    this.assertUsable();
    if (this.isTransactionActive) {
      this.assertNotFailed();
      this.idleTimer?.refresh();
      return this.onWriter(text, values);
    }
    return this.driver.execute({ text }, values);
  }

  private onWriter(text: string, values: readonly unknown[]): WriteResult {
    try {
      return this.driver.writer.run(text, values);
    } catch (error) {
      this.failure = failedQuery(text, error, this.dataSource);
      throw this.failure;
    }
  }

  /** The counterpart of PostgreSQL's idle_in_transaction_session_timeout: who forgets to end must not stop all others. */
  private expire(): void {
    this.failure = new DatabaseUnavailableError('A transaction was idle for too long and was rolled back.');
    void this.turn?.rollback();
    this.turn = undefined;
  }

  private endTransaction(): void {
    clearTimeout(this.idleTimer);
    this.isTransactionActive = false;
    this.transactionDepth = 0;
    this.turn = undefined;
  }

  private assertUsable(): void {
    if (this.isReleased) throw new QueryRunnerAlreadyReleasedError();
    if (this.sealed) throw new OutsideUnitOfWorkError('This unit of work has ended.');
    assertBelongsToUnit(this);
  }

  private assertNotFailed(): void {
    if (this.failure instanceof DatabaseUnavailableError) throw this.failure;
    if (this.failure) throw new TransactionAbortedError({ cause: this.failure });
  }
}
