/** The database that the first released schema left, full of data; make-first-release.mjs says how it was made. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { dialect, freshDatabase, type Dialect, type TestDatabase } from '../support/database.js';
import type { Reply } from '../support/http.js';

export const LAST_OF_FIRST_RELEASE = 'ReportViews1763683200006';

interface Person {
  email: string;
  password: string;
}

/** What its maker noted. */
export interface FirstRelease {
  /** The instant at which it was left. */
  at: string;
  jwtSecret: string;
  admin: Person;
  client: Person;
  clientId: string;
  demoId: string;
  /** Of the client's session, which is still live, and of the demo session that is open. */
  accessToken: string;
  refreshToken: string;
  audit: { valid: boolean; head: string; count: number };
  counts: { rows: Record<string, number>; words: Record<string, Record<string, number>> };
  /** What that release answered, by path: to the administrator and to the client. */
  answers: Record<'admin' | 'client', Record<string, Reply['body']>>;
}

export function firstRelease(): FirstRelease {
  return JSON.parse(unpacked(`first-release.${dialect()}.json.gz`).toString()) as FirstRelease;
}

/** A copy of its database. */
export async function firstReleaseDatabase(): Promise<TestDatabase> {
  const database = await freshDatabase({ migrated: false });
  if (database.dialect === 'sqlite') {
    writeFileSync(database.url.slice('sqlite:'.length), unpacked('first-release.db.gz'));
    return database;
  }
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(unpacked('first-release.sql.gz').toString());
  await client.end();
  return database;
}

/** The tables there are, by name. */
export async function tablesOf(database: TestDatabase): Promise<string[]> {
  const statement: Record<Dialect, string> = {
    sqlite: `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`,
    postgres: `SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()`,
  };
  const rows = await database.sql<{ name: string }>(statement[database.dialect]);
  return rows.map(({ name }) => name).sort();
}

/** The columns of each of `tables`. */
export async function columnsOf(database: TestDatabase, tables: string[]): Promise<Map<string, string[]>> {
  const columns = new Map<string, string[]>();
  for (const table of tables) {
    const rows = await database.sql<{ name: string }>(
      database.dialect === 'sqlite'
        ? `SELECT name FROM pragma_table_info('${table}') ORDER BY name`
        : `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '${table}' ORDER BY 1`,
    );
    columns.set(
      table,
      rows.map(({ name }) => name),
    );
  }
  return columns;
}

/** Every row of the given columns, as text that can be compared. */
export async function contentOf(
  database: TestDatabase,
  columns: Map<string, string[]>,
): Promise<Record<string, string[]>> {
  const content: Record<string, string[]> = {};
  for (const [table, names] of columns) {
    const rows = await database.sql(`SELECT ${names.map((name) => `"${name}"`).join()} FROM "${table}"`);
    content[table] = rows.map((row) => JSON.stringify(row)).sort();
  }
  return content;
}

export async function countsOf(database: TestDatabase, tables: string[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const [row] = await database.sql<{ n: unknown }>(`SELECT count(*) AS n FROM "${table}"`);
    counts[table] = Number(row?.n);
  }
  return counts;
}

function unpacked(name: string): Buffer {
  return gunzipSync(readFileSync(join(import.meta.dirname, name)));
}
