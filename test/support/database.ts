/**
 * A database of its own for each suite, on the database that the suite is running for.
 *
 *   const database = await freshDatabase();                      // migrated, as a release leaves it
 *   const bare = await freshDatabase({ migrated: false });       // empty
 *   await database.sql('SELECT id FROM clients WHERE email = ?', [email]);
 *
 * It is dropped after the suite.
 */
import type BetterSqlite3 from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import pg from 'pg';
import { closeAfterSuite, closed } from './cleanup.js';
import { makeRoles, type RoleUrls } from './roles.js';

export type Dialect = 'sqlite' | 'postgres';
export type Row = Record<string, unknown>;

export interface TestDatabase {
  readonly dialect: Dialect;
  /** As DATABASE_URL has it. */
  readonly url: string;
  /** PostgreSQL, where TEST_AS_APP_ROLE is set: addresses of the roles, and the app runs as its own. */
  readonly roles?: RoleUrls;
  /** A folder of the suite's own, for whatever it writes. */
  readonly folder: string;
  /**
   * Runs one statement on a connection of the test's own and returns its rows, as the driver gives them (instants
   * are text on SQLite, `Date` on PostgreSQL). Parameters are `?` on both.
   */
  sql<T = Row>(statement: string, parameters?: readonly unknown[]): Promise<T[]>;
  /** Closes the test's connection and drops the database. Called after the suite by itself. */
  drop(): Promise<void>;
}

/** The database this suite runs for. */
export function dialect(): Dialect {
  const name = process.env.TEST_DATABASE;
  if (name !== 'sqlite' && name !== 'postgres')
    throw new Error('Run suites with a database by: npm test -- NAME');
  return name;
}

/** A new folder, removed when the run ends. */
export function newFolder(): string {
  return mkdtempSync(join(needed('TEST_RUN_DIR'), 'suite-'));
}

/** Makes a database: migrated (a copy of the run's template) unless told to be empty; `on` another dialect where told. */
export async function freshDatabase({ migrated = true, on = dialect() } = {}): Promise<TestDatabase> {
  const database = on === 'sqlite' ? sqliteDatabase(migrated) : await postgresDatabase(migrated);
  closeAfterSuite(database, () => database.drop());
  return database;
}

function sqliteDatabase(migrated: boolean): TestDatabase {
  const folder = newFolder();
  const path = join(folder, 'ecatalog.db');
  if (migrated) copyFileSync(needed('TEST_SQLITE_TEMPLATE'), path);
  let connection: BetterSqlite3.Database | undefined;
  const database: TestDatabase = {
    dialect: 'sqlite',
    url: `sqlite:${path}`,
    folder,
    sql<T>(statement: string, parameters: readonly unknown[] = []) {
      connection ??= openSqlite(path);
      const prepared = connection.prepare(statement);
      if (prepared.reader) return Promise.resolve(prepared.all(...parameters) as T[]);
      prepared.run(...parameters);
      return Promise.resolve([]);
    },
    drop() {
      closed(database);
      connection?.close();
      connection = undefined;
      return Promise.resolve();
    },
  };
  return database;
}

async function postgresDatabase(migrated: boolean): Promise<TestDatabase> {
  const server = needed('TEST_POSTGRES_URL');
  const name = `${basename(needed('TEST_RUN_DIR'))}_${randomBytes(4).toString('hex')}`;
  const template = migrated ? ` TEMPLATE "${needed('TEST_POSTGRES_TEMPLATE')}"` : '';
  await once(server, `CREATE DATABASE "${name}"${template}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  let pool: pg.Pool | undefined;
  const database: TestDatabase = {
    dialect: 'postgres',
    url: url.href,
    folder: newFolder(),
    async sql<T>(statement: string, parameters: readonly unknown[] = []) {
      // A connection cut by the test itself (server restart) must not end the suite: the next query says it.
      pool ??= new pg.Pool({ connectionString: url.href, max: 2 }).on('error', () => undefined);
      let position = 0;
      const numbered = statement.replace(/\?/g, () => `$${++position}`);
      const result = await pool.query(numbered, [...parameters]);
      return result.rows as T[];
    },
    async drop() {
      closed(database);
      await pool?.end();
      pool = undefined;
      await once(server, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    },
  };
  if (!process.env.TEST_AS_APP_ROLE) return database;
  return Object.assign(database, { roles: await makeRoles(database) });
}

/** Opens a SQLite file with the driver that fits this Node. */
export function openSqlite(path: string): BetterSqlite3.Database {
  const node20 = Number(process.versions.node.split('.')[0]) < 22;
  const Driver = createRequire(import.meta.url)(
    node20 ? 'better-sqlite3-node20' : 'better-sqlite3',
  ) as typeof BetterSqlite3;
  return new Driver(path, { timeout: 5000 });
}

async function once(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A variable that test/run.mjs sets. */
function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run suites by npm test -- NAME`);
  return value;
}
