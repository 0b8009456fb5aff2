import { existsSync } from 'node:fs';
import type { DataSource } from 'typeorm';
import { DatabaseFaultError, explainFault } from '../database/connection-fault.js';
import type { DatabaseSettings } from '../database/database-settings.js';
import { describeDatabase } from '../database/database-url.js';
import { FileLock } from '../database/file-lock.js';
import { withMigrator, type MigrationStatus } from '../database/migrator.js';
import { queryRows } from '../database/sql.js';
import { RefusedError } from './errors.js';

/** A database that a command works on. */
export interface Side {
  readonly settings: DatabaseSettings;
  readonly dataSource: DataSource;
  readonly status: MigrationStatus;
}

/**
 * Connects to a database that must be there, and reads which migrations it has.
 * @throws DatabaseFaultError saying what to do, where it can't be used; else what `work` throws
 */
export async function withSide<T>(settings: DatabaseSettings, work: (side: Side) => Promise<T>): Promise<T> {
  const { url } = settings;
  if (url.kind === 'sqlite' && !existsSync(url.path))
    throw new DatabaseFaultError(
      `The SQLite file ${url.path} does not exist.`,
      'Give another, or make it by `ecatalog migrate up`.',
    );
  // Under its own name, so that it is not taken for a server.
  const own =
    url.kind === 'postgres' ? { ...settings, url: { ...url, applicationName: undefined } } : settings;
  const progress = { connected: false };
  try {
    return await withMigrator({ ...own, mustExist: true }, async (migrator, dataSource) => {
      const status = await migrator.status();
      progress.connected = true;
      return work({ settings, dataSource, status });
    });
  } catch (error) {
    if (progress.connected) throw error;
    const { reason, hint } = explainFault(error, url);
    throw new DatabaseFaultError(reason, hint);
  }
}

/**
 * Holds the SQLite files of some databases while `work` runs; PostgreSQL's have none.
 * @throws DatabaseFileInUseError where a server runs on one
 */
export async function holdingFiles<T>(
  databases: readonly DatabaseSettings[],
  work: () => Promise<T>,
): Promise<T> {
  const locks: FileLock[] = [];
  try {
    for (const { url } of databases) if (url.kind === 'sqlite') locks.push(FileLock.acquire(url.path));
    return await work();
  } finally {
    for (const lock of locks) lock.release();
  }
}

/**
 * Makes sure that no server is connected to a PostgreSQL database; on SQLite its file says so.
 * @throws RefusedError
 */
export async function assertNotServed({ dataSource, settings: { url } }: Side): Promise<void> {
  if (url.kind === 'sqlite') return;
  const names = ['ecatalog', ...(url.applicationName ? [url.applicationName] : [])];
  const [row] = await ask<{ sessions: number }>(
    dataSource,
    `SELECT count(*) AS "sessions" FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = ANY($1)`,
    [names],
  );
  if (row && row.sessions > 0)
    throw new RefusedError(
      `A server is connected to ${describeDatabase(url)} (${row.sessions} sessions). Stop it first.`,
    );
}

/** Runs one query on a connection of its own. */
export async function ask<Row>(
  dataSource: DataSource,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const runner = dataSource.createQueryRunner();
  try {
    return await queryRows<Row>(runner, sql, values);
  } finally {
    await runner.release();
  }
}
