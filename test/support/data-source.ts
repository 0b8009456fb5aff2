/**
 * The database layer in the test's own process.
 *
 *   const { dataSource, uow } = await connected({ entities: [Account], schema: [`CREATE TABLE …`] });
 *
 * All are closed after the suite, before their database is dropped.
 */
import type { DataSource } from 'typeorm';
import { buildDataSource, type DatabaseRole, type EntityClass } from '../../src/database/data-source.js';
import { databaseDefaults, type DatabaseSettings } from '../../src/database/database-settings.js';
import { parseDatabaseUrl } from '../../src/database/database-url.js';
import { UnitOfWork } from '../../src/database/unit-of-work.js';
import { closeAfterSuite } from './cleanup.js';
import { freshDatabase, type TestDatabase } from './database.js';

export interface ConnectedOptions {
  /** Use this database instead of a new, empty one. */
  readonly database?: TestDatabase;
  readonly entities?: EntityClass[];
  /** Statements that make the tables the test needs; an entry may be given per dialect. */
  readonly schema?: readonly (string | { readonly sqlite: string; readonly postgres: string })[];
  readonly settings?: Partial<DatabaseSettings>;
  readonly role?: DatabaseRole;
}

export interface Connected {
  readonly database: TestDatabase;
  readonly dataSource: DataSource;
  readonly uow: UnitOfWork;
}

/** The settings of the application's defaults for a test's database. */
export function settingsFor(database: TestDatabase, over: Partial<DatabaseSettings> = {}): DatabaseSettings {
  return { ...databaseDefaults, url: parseDatabaseUrl(database.url), ...over };
}

/** A data source that is not connected yet, closed after the suite. */
export function dataSourceOf(
  database: TestDatabase,
  options: Omit<ConnectedOptions, 'schema' | 'database'> = {},
): DataSource {
  const { settings, role = 'app', entities = [] } = options;
  const dataSource = buildDataSource(settingsFor(database, settings), { role, entities });
  closeAfterSuite(dataSource, async () => {
    if (dataSource.isInitialized) await dataSource.destroy();
  });
  return dataSource;
}

/** Makes a database, its tables and a connected data source. */
export async function connected(options: ConnectedOptions = {}): Promise<Connected> {
  const database = options.database ?? (await freshDatabase({ migrated: false }));
  for (const statement of options.schema ?? [])
    await database.sql(typeof statement === 'string' ? statement : statement[database.dialect]);
  const dataSource = await dataSourceOf(database, options).initialize();
  return { database, dataSource, uow: new UnitOfWork(dataSource) };
}
