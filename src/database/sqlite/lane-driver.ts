import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ColumnType, DataSource, ReplicationMode, TableColumn } from 'typeorm';
import { BetterSqlite3Driver } from 'typeorm/driver/better-sqlite3/BetterSqlite3Driver.js';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { DatabaseUnavailableError, failedQuery } from '../errors.js';
import { fromSqliteInstant, toSqliteInstant } from '../instants.js';
import type { Statement, StatementRunner } from '../sql.js';
import { LaneQueryRunner } from './lane-query-runner.js';
import { SharedCommit, type Turn } from './shared-commit.js';
import { SqliteConnection, type SqliteOptions, type WriteResult } from './sqlite.js';
import { WriteLane } from './write-lane.js';

export interface LaneSettings extends SqliteOptions {
  readonly path: string;
  readonly laneTimeoutMs: number;
  readonly idleTxTimeoutMs: number;
}

/**
 * SQLite with one connection that writes, entered in single file, and one that reads beside it. TypeORM's own driver
 * gives every caller the same query runner, so that transactions which overlap become savepoints of each other and
 * acknowledged rows vanish.
 */
export class LaneSqliteDriver extends BetterSqlite3Driver implements StatementRunner {
  readonly lane = new WriteLane();
  private readonly commits = new SharedCommit(this, this.lane);
  private connections?: { writer?: SqliteConnection; readonly reader: SqliteConnection };

  constructor(
    dataSource: DataSource,
    readonly settings: LaneSettings,
  ) {
    super(dataSource);
  }

  /** The connection that writes. Only who has the lane may use it. */
  get writer(): SqliteConnection {
    const open = this.opened();
    // A failed ROLLBACK closes it.
    if (!open.writer) this.databaseConnection = (open.writer = this.openWriter()).database;
    return open.writer;
  }

  get reader(): SqliteConnection {
    return this.opened().reader;
  }

  override createQueryRunner(_mode: ReplicationMode): LaneQueryRunner {
    return new LaneQueryRunner(this);
  }

  override async disconnect(): Promise<void> {
    const leave = await this.lane.enter(this.settings.laneTimeoutMs).catch(() => () => undefined);
    this.commits.commit();
    this.connections?.writer?.close();
    this.connections?.reader.close();
    this.connections = undefined;
    leave();
  }

  /** Closes the writing connection after a ROLLBACK that failed; it is opened again when it is needed. */
  discardWriter(): void {
    const { writer } = this.opened();
    this.opened().writer = undefined;
    writer?.close();
  }

  /**
   * Waits for the lane and begins a transaction, or a part of one.
   * @param brief as in `SharedCommit.begin`
   * @throws WriteLaneTimeoutError where others write, in this process or another, for all of `laneTimeoutMs`
   */
  begin(brief: boolean): Promise<Turn> {
    return this.commits.begin(this.settings.laneTimeoutMs, brief);
  }

  /** Runs a statement outside of a transaction: a query on the reader, all else in the lane. */
  execute({ text }: Statement, values: readonly unknown[]): WriteResult | Promise<WriteResult> {
    if (transactionControl.test(text)) throw new Error('Begin and end a transaction by a unit of work');
    try {
      // A PRAGMA may act while it is being prepared, so only queries are tried on the reader.
      const read = queries.test(text) ? this.reader.read(text, values) : undefined;
      return read ?? this.write(text, values);
    } catch (error) {
      throw failedQuery(text, error, this.dataSource);
    }
  }

  private async write(text: string, values: readonly unknown[]): Promise<WriteResult> {
    try {
      // Such as a PRAGMA: it may not run within a transaction.
      if (!changes.test(text))
        return await this.commits.alone(this.settings.laneTimeoutMs, () => this.writer.run(text, values));
      const turn = await this.begin(true);
      try {
        const result = this.writer.run(text, values);
        await turn.commit();
        return result;
      } catch (error) {
        await turn.rollback();
        throw error;
      }
    } catch (error) {
      throw failedQuery(text, error, this.dataSource);
    }
  }

  override normalizeType(column: Parameters<BetterSqlite3Driver['normalizeType']>[0]): string {
    return column.type === 'timestamptz' ? 'datetime' : super.normalizeType(column);
  }

  override preparePersistentValue(value: unknown, column: ColumnMetadata): unknown {
    const prepared: unknown = super.preparePersistentValue(value, column);
    return column.type === 'timestamptz' && prepared instanceof Date ? toSqliteInstant(prepared) : prepared;
  }

  override prepareHydratedValue(value: unknown, column: ColumnMetadata): unknown {
    const hydrated: unknown = super.prepareHydratedValue(value, column);
    return column.type === 'timestamptz' && typeof hydrated === 'string'
      ? fromSqliteInstant(hydrated)
      : hydrated;
  }

  /** An id is a `varchar(36)` here and an instant a plain `datetime`: neither has changed. */
  override findChangedColumns(tableColumns: TableColumn[], columns: ColumnMetadata[]): ColumnMetadata[] {
    for (const tableColumn of tableColumns) {
      const metadata = columns.find((column) => column.databaseName === tableColumn.name);
      if (metadata?.type === ('uuid' satisfies ColumnType) && tableColumn.length === '36')
        tableColumn.length = '';
      if (metadata?.type === 'timestamptz') tableColumn.precision = metadata.precision;
    }
    return super.findChangedColumns(tableColumns, columns);
  }

  protected override async createDatabaseConnection(): Promise<unknown> {
    const { path, mustExist } = this.settings;
    if (!mustExist) await mkdir(dirname(path), { recursive: true });
    const writer = this.openWriter();
    try {
      this.connections = { writer, reader: SqliteConnection.reader(path, this.settings) };
    } catch (error) {
      writer.close();
      throw error;
    }
    return writer.database;
  }

  private openWriter(): SqliteConnection {
    return SqliteConnection.writer(this.settings.path, this.settings);
  }

  private opened(): NonNullable<LaneSqliteDriver['connections']> {
    if (!this.connections) throw new DatabaseUnavailableError('The database is not connected.');
    return this.connections;
  }
}

const queries = /^\s*(select|with|values|explain)\b/i;
const changes = /^\s*(insert|update|delete|replace)\b/i;
const transactionControl = /^\s*(begin|commit|end|rollback|savepoint|release)\b/i;
