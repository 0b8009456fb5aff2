import type { ClientBase, QueryResult as PgResult } from 'pg';
import {
  QueryResult,
  QueryRunnerAlreadyReleasedError,
  TransactionAlreadyStartedError,
  TransactionNotStartedError,
  type ObjectLiteral,
} from 'typeorm';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import type { IsolationLevel } from 'typeorm/driver/types/IsolationLevel.js';
import {
  DatabaseUnavailableError,
  OutsideUnitOfWorkError,
  TransactionAbortedError,
  failedQuery,
  isConnectionLoss,
} from '../errors.js';
import { connectionFailures } from '../metrics.js';
import { queryWatch } from '../query-watch.js';
import type { Statement, StatementResult } from '../sql.js';
import { assertBelongsToUnit, type UnitOptions, type UnitRunner } from '../unit-context.js';

/**
 * A caller's own connection, for as long as it needs one. Statements are sent one after another, a connection in an
 * unknown state never returns to the pool, and a transaction that failed can't be taken for a committed one.
 */
export class UnitPostgresQueryRunner extends PostgresQueryRunner implements UnitRunner {
  private last: Promise<unknown> = Promise.resolve();
  private sealed = false;
  private failure?: unknown;
  private broken?: Error;

  override connect(): Promise<ClientBase> {
    this.assertUsable();
    return super.connect() as Promise<ClientBase>;
  }

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
    const values = Array.isArray(parameters) ? parameters : undefined;
    const { rows, rowCount, command } = await this.send({ text }, values);
    const result = new QueryResult();
    result.records = rows;
    result.affected = rowCount ?? undefined;
    // What TypeORM's builders for UPDATE and DELETE expect.
    result.raw = command === 'UPDATE' || command === 'DELETE' ? [rows, rowCount] : rows;
    return structured ? result : (result.raw as unknown);
  }

  async execute(statement: Statement, values: readonly unknown[]): Promise<StatementResult> {
    const { rows, rowCount } = await this.send(statement, values);
    return { rows, affected: rowCount ?? 0 };
  }

  seal(): void {
    this.sealed = true;
  }

  begin({ isolation }: UnitOptions): Promise<void> {
    return this.startTransaction(isolation);
  }

  override async startTransaction(isolation?: IsolationLevel): Promise<void> {
    this.assertUsable();
    if (this.isTransactionActive) throw new TransactionAlreadyStartedError();
    await this.send({
      text: isolation ? `START TRANSACTION ISOLATION LEVEL ${isolation}` : 'START TRANSACTION',
    });
    this.isTransactionActive = true;
    this.transactionDepth = 1;
    this.failure = undefined;
  }

  override async commitTransaction(): Promise<void> {
    if (!this.isTransactionActive) throw new TransactionNotStartedError();
    if (this.failure instanceof DatabaseUnavailableError) throw this.failure;
    const { command } = await this.inTurn(() => this.onClient({ text: 'COMMIT' }));
    this.endTransaction();
    if (command === 'ROLLBACK') throw new TransactionAbortedError({ cause: this.failure });
  }

  override async rollbackTransaction(): Promise<void> {
    if (!this.isTransactionActive) throw new TransactionNotStartedError();
    try {
      // A connection in an unknown state is closed instead, which rolls back too.
      if (!this.broken) await this.inTurn(() => this.onClient({ text: 'ROLLBACK' }));
    } catch (error) {
      this.broken ??= error as Error;
    } finally {
      this.endTransaction();
    }
  }

  override release(): Promise<void> {
    if (this.isTransactionActive) this.broken ??= new Error('Released within a transaction');
    const { releaseCallback, broken } = this;
    if (releaseCallback && broken) this.releaseCallback = () => releaseCallback(broken);
    return super.release();
  }

  private async send(
    statement: Statement,
    values?: readonly unknown[],
  ): Promise<PgResult<Record<string, unknown>>> {
    this.assertUsable();
    await this.connect();
    return this.inTurn(() => {
      this.assertUsable();
      return this.onClient(statement, values);
    });
  }

  private async onClient(
    { text, name }: Statement,
    values: readonly unknown[] = [],
  ): Promise<PgResult<Record<string, unknown>>> {
    let startedAt: number | undefined;
    try {
      const client = (await super.connect()) as ClientBase;
      startedAt = performance.now();
      return await client.query({ text, name, values: [...values] });
    } catch (error) {
      const failed = failedQuery(text, error, this.dataSource);
      this.failure ??= failed;
      if (isConnectionLoss(error)) {
        if (!this.broken && startedAt !== undefined) connectionFailures.inc({ stage: 'query' });
        this.broken ??= error as Error;
      }
      throw failed;
    } finally {
      if (startedAt !== undefined) queryWatch.ended(text, startedAt);
    }
  }

  /** pg takes a second query while one runs, but says it will not for long. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private endTransaction(): void {
    this.isTransactionActive = false;
    this.transactionDepth = 0;
  }

  private assertUsable(): void {
    if (this.isReleased) throw this.lost() ?? new QueryRunnerAlreadyReleasedError();
    if (this.sealed) throw new OutsideUnitOfWorkError('This unit of work has ended.');
    assertBelongsToUnit(this);
  }

  /** TypeORM releases the runner of a connection that fails while nothing is sent. */
  private lost(): DatabaseUnavailableError | undefined {
    return this.isTransactionActive
      ? new DatabaseUnavailableError('The connection to the database is lost.')
      : undefined;
  }
}
