import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { isSqliteBusy } from './errors.js';
import { Sqlite } from './sqlite/sqlite.js';

/** Another process serves the same SQLite file. */
export class DatabaseFileInUseError extends Error {
  override name = 'DatabaseFileInUseError';

  constructor(path: string) {
    super(`Another process already serves ${path}. Stop it first: a SQLite file has one server.`);
  }
}

/**
 * That this process, and no other, serves a SQLite file: an exclusive transaction on the tiny database `<file>.lock`.
 * Node has no flock, and a file with a process id goes stale; this lock the kernel frees, also after kill −9.
 */
export class FileLock {
  private constructor(private readonly database: BetterSqlite3.Database) {}

  /**
   * Takes the lock, at once or not at all.
   * @param path of the database, not of the lock
   * @throws DatabaseFileInUseError
   */
  static acquire(path: string): FileLock {
    mkdirSync(dirname(path), { recursive: true });
    const database = new Sqlite(`${path}.lock`, { timeout: 0 });
    try {
      database.exec('BEGIN EXCLUSIVE');
      return new FileLock(database);
    } catch (error) {
      database.close();
      throw isSqliteBusy(error) ? new DatabaseFileInUseError(path) : error;
    }
  }

  /** Frees the lock. The file stays: removing it would pull it from under who waits for it. */
  release(): void {
    this.database.close();
  }
}
