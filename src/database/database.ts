import { Injectable } from '@nestjs/common';
import { DataSource, type Driver } from 'typeorm';
import { andThen, type MaybePromise } from '../common/maybe-promise.js';
import { DatabaseUnavailableError } from './errors.js';
import {
  binderOf,
  convertRows,
  dialectOf,
  PreparedQuery,
  textFor,
  type Binder,
  type ColumnTypes,
  type Dialect,
  type SqlParameters,
  type SqlText,
  type Statement,
  type StatementResult,
  type StatementRunner,
} from './sql.js';
import { currentUnit } from './unit-context.js';

/** Data sources that are connected but not yet, or no longer, known to have this release's schema. */
const withheld = new WeakSet<DataSource>();

/** Whether features may use the data source; `DatabaseConnection` decides it. */
export function allowUse(dataSource: DataSource, allowed: boolean): void {
  if (allowed) withheld.delete(dataSource);
  else withheld.add(dataSource);
}

/**
 * SQL that earns its keep (`x.queries.ts`). Inside a unit of work it runs on the unit's connection; outside, reads
 * run beside the writers and a write is a transaction of its own.
 */
@Injectable()
export class Database {
  private readonly binders = new Map<string, Binder>();

  constructor(protected readonly dataSource: DataSource) {}

  get dialect(): Dialect {
    return dialectOf(this.dataSource);
  }

  /** All rows of a prepared query. */
  async all<Row>(query: PreparedQuery<Row>, parameters: SqlParameters = {}): Promise<Row[]> {
    return this.rows(query.bound(this.dialect, parameters), query.types);
  }

  /** The first row of a prepared query: where SQLite is read outside a unit of work, at once. */
  get<Row>(query: PreparedQuery<Row>, parameters: SqlParameters = {}): MaybePromise<Row | undefined> {
    return andThen(this.rows(query.bound(this.dialect, parameters), query.types), (rows) => rows[0]);
  }

  /**
   * All rows of a query whose text is made on the way; see `prepare` for a fixed one.
   * @param types the columns that need converting, as in `prepare`
   */
  async query<Row>(
    sql: SqlText,
    parameters: SqlParameters = {},
    types: ColumnTypes<Row> = {},
  ): Promise<Row[]> {
    return this.rows(this.bound(sql, parameters), types);
  }

  /** Runs a statement that writes, prepared or not; returns how many rows it wrote. */
  async execute(sql: SqlText | PreparedQuery<unknown>, parameters: SqlParameters = {}): Promise<number> {
    const bound =
      sql instanceof PreparedQuery ? sql.bound(this.dialect, parameters) : this.bound(sql, parameters);
    const result = this.send(...bound);
    return (result instanceof Promise ? await result : result).affected;
  }

  protected assertConnected(): void {
    if (!this.dataSource.isInitialized || withheld.has(this.dataSource))
      throw new DatabaseUnavailableError('The database is not connected.');
  }

  private bound(sql: SqlText, parameters: SqlParameters): [Statement, unknown[]] {
    const text = textFor(sql, this.dialect);
    let bind = this.binders.get(text);
    if (!bind) {
      bind = binderOf(text, this.dialect);
      if (this.binders.size < 500) this.binders.set(text, bind);
    }
    return bind(parameters);
  }

  /** Whether a unit of work is running here. */
  protected get isInUnit(): boolean {
    return currentUnit(this.dataSource) !== undefined;
  }

  private rows<Row>(bound: [Statement, unknown[]], types: ColumnTypes<Row>): MaybePromise<Row[]> {
    return andThen(this.send(...bound), ({ rows }) => convertRows(rows, types, this.dialect));
  }

  protected send(statement: Statement, values: unknown[]): MaybePromise<StatementResult> {
    const unit = currentUnit(this.dataSource);
    if (unit) return unit.runner.execute(statement, values);
    this.assertConnected();
    return (this.dataSource.driver as Driver & StatementRunner).execute(statement, values);
  }
}
