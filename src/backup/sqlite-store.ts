import type BetterSqlite3 from 'better-sqlite3';
import { RefusedError } from './errors.js';
import { RowCodec } from './row-codec.js';
import { appliedSql, type AppliedMigration, type RowWriter, type Store, type StoreMode } from './store.js';
import {
  columnList,
  tableShapes,
  type CatalogueColumn,
  type Reference,
  type TableShape,
} from './table-shape.js';

/** How many rows are read before others get their turn. */
const ROWS = 500;

// Shadow tables of a search index are the index's own; generated columns (hidden 2 and 3) are computed.
const columnsSql = `SELECT t."name" AS "table", c."name" AS "column", c."type" AS "type"
  FROM pragma_table_list t, pragma_table_xinfo(t."name") c
  WHERE t."schema" = 'main' AND t."type" = 'table' AND t."name" NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    AND t."name" <> 'migrations' AND c."hidden" = 0
  ORDER BY t."name", c."cid"`;
const referencesSql = `SELECT t."name" AS "table", f."table" AS "parent"
  FROM pragma_table_list t, pragma_foreign_key_list(t."name") f WHERE t."schema" = 'main' AND t."type" = 'table'`;

/** The rows of a SQLite file. */
export class SqliteStore implements Store {
  readonly dialect = 'sqlite';
  readonly tables: readonly TableShape[];

  private constructor(private readonly database: BetterSqlite3.Database) {
    const columns = database.prepare(columnsSql).all() as CatalogueColumn[];
    this.tables = tableShapes(columns, database.prepare(referencesSql).all() as Reference[]);
  }

  /** See `withStore`. The first read fixes the snapshot, whatever other connections write from then on. */
  static async use<T>(
    database: BetterSqlite3.Database,
    mode: StoreMode,
    work: (store: SqliteStore) => Promise<T>,
  ): Promise<T> {
    database.pragma('busy_timeout = 5000');
    // Rows may come in any order; `settle` looks at every reference.
    if (mode === 'fill') database.pragma('foreign_keys = OFF');
    database.exec(mode === 'snapshot' ? 'BEGIN' : 'BEGIN IMMEDIATE');
    try {
      const result = await work(new SqliteStore(database));
      database.exec(mode === 'fill' ? 'COMMIT' : 'ROLLBACK');
      return result;
    } finally {
      // Some errors, such as a full disk, have rolled back already.
      if (database.inTransaction) database.exec('ROLLBACK');
      if (mode === 'fill') database.pragma('foreign_keys = ON');
    }
  }

  async migrations(): Promise<AppliedMigration[]> {
    return this.database.prepare(appliedSql).all() as AppliedMigration[];
  }

  async count(table: string): Promise<number> {
    return this.database.prepare(`SELECT count(*) FROM "${table}"`).pluck().get() as number;
  }

  async *read(table: TableShape): AsyncGenerator<string[]> {
    const codec = new RowCodec(table);
    const rows = this.database
      .prepare(`SELECT ${columnList(table)} FROM "${table.name}"`)
      .raw()
      .iterate();
    let lines: string[] = [];
    for (const row of rows as IterableIterator<unknown[]>) {
      lines.push(codec.fromSqlite(row));
      if (lines.length < ROWS) continue;
      yield lines;
      lines = [];
    }
    if (lines.length > 0) yield lines;
  }

  insert(table: TableShape): RowWriter {
    const codec = new RowCodec(table);
    const places = table.columns.map(() => '?').join(', ');
    const statement = this.database.prepare(
      `INSERT INTO "${table.name}" (${columnList(table)}) VALUES (${places})`,
    );
    return {
      write: async (lines) => {
        for (const line of lines) statement.run(codec.toSqlite(line));
      },
      end: async () => undefined,
    };
  }

  /** A SQLite file is replaced as a whole instead. */
  async clear(): Promise<void> {
    throw new RefusedError('The rows of a SQLite file are not removed: replace the file.');
  }

  async settle(): Promise<void> {
    const [first] = this.database.pragma('foreign_key_check') as Reference[];
    if (first)
      throw new RefusedError(`A row of ${first.table} refers to one in ${first.parent} that is not there.`);
  }

  /**
   * Writes a copy of the snapshot, page by page. The transaction that this store holds keeps the copy from starting
   * again whenever another process writes.
   */
  async copyTo(path: string, progress: (done: number, total: number) => void): Promise<void> {
    await this.database.backup(path, {
      progress: ({ totalPages, remainingPages }) => {
        progress(totalPages - remainingPages, totalPages);
        return 1_000;
      },
    });
  }
}
