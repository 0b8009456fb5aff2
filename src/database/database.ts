import { Injectable } from '@nestjs/common';
import { DataSource, type Driver } from 'typeorm';
import { DatabaseUnavailableError } from './errors.js';
import {
  convertRows,
  dialectOf,
  parseSql,
  PreparedQuery,
  render,
  textFor,
  type ColumnTypes,
  type Dialect,
  type ParsedSql,
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
  private readonly parsed = new Map<string, ParsedSql>();

  constructor(protected readonly dataSource: DataSource) {}

  get dialect(): Dialect {
    return dialectOf(this.dataSource);
  }

  /** All rows of a prepared query. */
  async all<Row>(query: PreparedQuery<Row>, parameters: SqlParameters = {}): Promise<Row[]> {
    const { rows } = await this.send(...query.bound(this.dialect, parameters));
    return convertRows(rows, query.types, this.dialect);
  }

  /** The first row of a prepared query. */
  async get<Row>(query: PreparedQuery<Row>, parameters: SqlParameters = {}): Promise<Row | undefined> {
    return (await this.all(query, parameters))[0];
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
    const { rows } = await this.send(...this.bound(sql, parameters));
    return convertRows(rows, types, this.dialect);
  }

  /** Runs a statement that writes, prepared or not; returns how many rows it wrote. */
  async execute(sql: SqlText | PreparedQuery<unknown>, parameters: SqlParameters = {}): Promise<number> {
    const bound =
      sql instanceof PreparedQuery ? sql.bound(this.dialect, parameters) : this.bound(sql, parameters);
    return (await this.send(...bound)).affected;
  }

  protected assertConnected(): void {
    if (!this.dataSource.isInitialized || withheld.has(this.dataSource))
      throw new DatabaseUnavailableError('The database is not connected.');
  }

  private bound(sql: SqlText, parameters: SqlParameters): [Statement, unknown[]] {
    const text = textFor(sql, this.dialect);
    let parsed = this.parsed.get(text);
    if (!parsed) {
      parsed = parseSql(text);
      if (this.parsed.size < 500) this.parsed.set(text, parsed);
    }
    const rendered = render(parsed, this.dialect, parameters);
    return [{ text: rendered.text }, rendered.values];
  }

  /** Whether a unit of work is running here. */
  protected get isInUnit(): boolean {
    return currentUnit(this.dataSource) !== undefined;
  }

  protected async send(statement: Statement, values: unknown[]): Promise<StatementResult> {
    const unit = currentUnit(this.dataSource);
    if (unit) return unit.runner.execute(statement, values);
    this.assertConnected();
    return (this.dataSource.driver as Driver & StatementRunner).execute(statement, values);
  }
}
