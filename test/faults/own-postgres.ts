import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { runCli } from '../support/app.js';
import { closeAfterSuite } from '../support/cleanup.js';
import { newFolder, type TestDatabase } from '../support/database.js';
import { startPostgres, type PostgresServer } from '../support/postgres.mjs';

/**
 * A PostgreSQL server of the suite's own, which it may stop and fill, with a migrated database. What it acknowledges
 * it has handed to the system, so that it survives an end of the server (not of the machine).
 */
export async function ownPostgres(): Promise<{ server: PostgresServer; database: TestDatabase }> {
  const folder = newFolder();
  chmodSync(folder, 0o711); // as root the server runs under another account
  const server = await startPostgres(join(folder, 'postgres'), { settings: { synchronous_commit: 'on' } });
  closeAfterSuite(server, () => server.stop());
  const database = databaseAt(server.url, folder);
  await migrated(database);
  return { server, database };
}

/** A database at an address, dropped with its server; `sql` connects anew each time. */
export function databaseAt(url: string, folder: string): TestDatabase {
  return {
    dialect: 'postgres',
    url,
    folder,
    async sql<T>(statement: string, parameters: readonly unknown[] = []) {
      const client = new pg.Client({ connectionString: url }).on('error', () => undefined);
      await client.connect();
      try {
        let position = 0;
        const numbered = statement.replace(/\?/g, () => `$${++position}`);
        return (await client.query(numbered, [...parameters])).rows as T[];
      } finally {
        await client.end();
      }
    },
    drop: () => Promise.resolve(),
  };
}

export async function migrated({ url, folder }: TestDatabase): Promise<void> {
  const { code, stderr } = await runCli(['migrate', 'up'], { env: { DATABASE_URL: url }, cwd: folder });
  if (code !== 0) throw new Error(`The database could not be migrated: ${stderr}`);
}
