import { createRequire } from 'node:module';
import type BetterSqlite3 from 'better-sqlite3';
import { queryWatch } from '../query-watch.js';
import type { StatementResult } from '../sql.js';

// better-sqlite3 13 crashes on Node 20: delete the alias with it.
const driver = Number.parseInt(process.versions.node) < 22 ? 'better-sqlite3-node20' : 'better-sqlite3';

/** The driver that works on this version of Node. */
export const Sqlite = createRequire(import.meta.url)(driver) as typeof BetterSqlite3;

export interface SqliteOptions {
  readonly synchronous: 'FULL' | 'NORMAL';
  readonly mustExist: boolean;
  /** How long opening the file waits for another process, and the event loop with it. */
  readonly openTimeoutMs: number;
}

/** `lastId` is the rowid of an insert that returns no rows. */
export type WriteResult = StatementResult & { readonly lastId?: number | bigint };

/** One connection to a SQLite file, with its statements kept prepared. */
export class SqliteConnection {
  private readonly statements = new Map<string, BetterSqlite3.Statement>();

  private constructor(readonly database: BetterSqlite3.Database) {}

  /** Opens the connection that writes. */
  static writer(path: string, { synchronous, mustExist, openTimeoutMs }: SqliteOptions): SqliteConnection {
    const options = { timeout: openTimeoutMs, fileMustExist: mustExist };
    return SqliteConnection.open(path, options, ['journal_mode = WAL', `synchronous = ${synchronous}`]);
  }

  /** Opens a connection that only reads, beside the one that writes. */
  static reader(path: string, { openTimeoutMs }: Pick<SqliteOptions, 'openTimeoutMs'>): SqliteConnection {
    return SqliteConnection.open(path, { timeout: openTimeoutMs, fileMustExist: true }, ['query_only = ON']);
  }

  private static open(
    path: string,
    options: BetterSqlite3.Options,
    pragmas: readonly string[],
  ): SqliteConnection {
    const database = new Sqlite(path, options);
    try {
      for (const pragma of [
        ...pragmas,
        'foreign_keys = ON',
        'temp_store = MEMORY',
        'journal_size_limit = 67108864',
        // The system's cache of files stands behind it.
        'cache_size = -8192',
        // Whoever finds the file locked waits in the lane, where the event loop goes on.
        'busy_timeout = 20',
      ])
        database.pragma(pragma);
      return new SqliteConnection(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Runs one statement. */
  run(text: string, values: readonly unknown[] = []): WriteResult {
    return this.perform(this.statement(text), text, values);
  }

  /** Runs a statement that only reads. @returns undefined for another one, which is not run */
  read(text: string, values: readonly unknown[]): WriteResult | undefined {
    const statement = this.statement(text);
    return statement.readonly ? this.perform(statement, text, values) : undefined;
  }

  /** The prepared statement; of too many the oldest are forgotten. */
  private statement(text: string): BetterSqlite3.Statement {
    let statement = this.statements.get(text);
    if (!statement) {
      statement = this.database.prepare(text);
      this.statements.set(text, statement);
      if (this.statements.size > 500) this.statements.delete(this.statements.keys().next().value ?? '');
    }
    return statement;
  }

  private perform(statement: BetterSqlite3.Statement, text: string, values: readonly unknown[]): WriteResult {
    const startedAt = performance.now();
    try {
      if (statement.reader) {
        const rows = statement.all(...values) as Record<string, unknown>[];
        return { rows, affected: rows.length };
      }
      const { changes, lastInsertRowid } = statement.run(...values);
      return { rows: [], affected: changes, lastId: lastInsertRowid };
    } finally {
      queryWatch.ended(text, startedAt);
    }
  }

  close(): void {
    this.statements.clear();
    this.database.close();
  }
}
