import type { DataSource } from 'typeorm';
import { LaneSqliteDriver } from '../database/sqlite/lane-driver.js';
import { PostgresStore } from './postgres-store.js';
import { SqliteStore } from './sqlite-store.js';
import type { StoreMode } from './store.js';

/** Runs `work` in one transaction of a connected data source; what it filled is kept only where it does not throw. */
export async function withStore<T>(
  dataSource: DataSource,
  mode: StoreMode,
  work: (store: SqliteStore | PostgresStore) => Promise<T>,
): Promise<T> {
  const { driver } = dataSource;
  return driver instanceof LaneSqliteDriver
    ? SqliteStore.use(mode === 'snapshot' ? driver.reader.database : driver.writer.database, mode, work)
    : PostgresStore.use(dataSource, mode, work);
}
