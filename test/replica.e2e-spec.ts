/** Analytics read from a replica: a real standby, which is paused, stopped and started again. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { runCli, startApp, type TestApp, until } from './support/app.js';
import { closeAfterSuite } from './support/cleanup.js';
import { dialect, freshDatabase, newFolder, type TestDatabase } from './support/database.js';
import { scrape } from './support/metrics.js';
import { startPostgres } from './support/postgres.mjs';

type Server = Awaited<ReturnType<typeof startPostgres>>;

if (dialect() === 'sqlite') {
  describe('a replica', () => {
    it('is refused beside SQLite', async () => {
      const database = await freshDatabase();
      const { code, stdout } = await runCli(['doctor'], {
        env: { DATABASE_URL: database.url, DATABASE_REPLICA_URL: 'postgres://replica.example/ecatalog' },
        cwd: database.folder,
      });
      expect(code).toBe(1);
      expect(stdout).toContain('DATABASE_REPLICA_URL: only PostgreSQL has a read replica');
    });
  });
} else {
  describe('a replica', () => {
    let app: TestApp;
    let standby: Server;

    beforeAll(async () => {
      const folder = newFolder();
      chmodSync(folder, 0o711); // PostgreSQL runs under another account where this runs as root
      const primary = await started(join(folder, 'primary'));
      const database = databaseOf(primary, folder);
      await runCli(['migrate', 'up'], { env: { DATABASE_URL: primary.url }, cwd: folder });
      standby = await standbyOf(primary, folder);
      app = await startApp({ database, env: { DATABASE_REPLICA_URL: standby.url } });
    });

    const clients = async (): Promise<number> => {
      const { status, body } = await (await app.admin()).get('/analytics/overview');
      expect(status).toBe(200);
      return body.clients.active;
    };
    const metric = async (name: string) => (await scrape(app)).value(`ecatalog_replica_${name}`);

    it('is where analytics come from', async () => {
      await app.createClient();
      await until(async () => (await metric('up')) === 1);
      await until(async () => (await clients()) === 1);
      await onServer(standby, 'SELECT pg_wal_replay_pause()');
      await app.createClient();
      expect(await clients()).toBe(1);
      expect((await (await app.admin()).get('/clients')).body.total).toBe(2);
    });

    it('is behind, and the metrics say how far', async () => {
      await until(async () => ((await metric('lag_bytes')) ?? 0) > 0, 20_000);
      expect(await metric('lag_seconds')).toBeGreaterThan(0);
      await onServer(standby, 'SELECT pg_wal_replay_resume()');
      await until(async () => (await clients()) === 2);
      await until(async () => (await metric('lag_bytes')) === 0, 30_000);
      expect(await metric('lag_seconds')).toBe(0);
    });

    it('that is away costs nobody an answer', async () => {
      await onServer(standby, 'SELECT pg_wal_replay_pause()');
      await app.createClient();
      expect(await clients()).toBe(2);
      await standby.stop();
      expect(await clients()).toBe(3);
      await until(async () => (await metric('up')) === 0, 20_000);
      expect((await scrape(app)).value('ecatalog_database_up')).toBe(1);
      await app.flushLogs();
      const lines = app.logs.filter(({ context }) => context === 'Replica').map(({ msg }) => msg);
      expect(lines).toEqual([
        expect.stringMatching(/^Analytics are read from the PostgreSQL database/),
        expect.stringMatching(/^The replica, .*, is away .*: analytics are read from the primary\.$/),
      ]);
    });

    it('that is back is used again', async () => {
      await standby.start();
      await until(async () => {
        await clients();
        return (await metric('up')) === 1;
      }, 40_000);
      await onServer(standby, 'SELECT pg_wal_replay_pause()');
      const before = await clients();
      await app.createClient();
      expect(await clients()).toBe(before);
    });
  });
}

async function started(folder: string): Promise<Server> {
  const server = await startPostgres(folder);
  closeAfterSuite(server, () => server.stop());
  return server;
}

/** A server that begins as a copy of the one in `folder`/primary, and follows it from then on. */
async function standbyOf(primary: Server, folder: string): Promise<Server> {
  const server = await started(join(folder, 'standby'));
  await primary.stop();
  await server.stop();
  const data = join(folder, 'standby/data');
  rmSync(data, { recursive: true });
  execFileSync('cp', ['-a', join(folder, 'primary/data'), data]);
  const { hostname, port, username, password } = new URL(primary.url);
  appendFileSync(
    join(data, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${hostname} port=${port} user=${username} password=${password}'\n`,
  );
  writeFileSync(join(data, 'standby.signal'), '');
  // The copy has the primary's password, and its address another.
  writeFileSync(join(data, 'pg_hba.conf'), 'host all all 127.0.0.1/32 trust\n');
  await primary.start();
  await server.start();
  return server;
}

async function onServer({ url }: { url: string }, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

/** A server's own database, as the harness knows one. */
function databaseOf({ url }: Server, folder: string): TestDatabase {
  const pool = new pg.Pool({ connectionString: url, max: 1 }).on('error', () => undefined);
  const database: TestDatabase = {
    dialect: 'postgres',
    url,
    folder,
    sql: async <T>(statement: string, parameters: readonly unknown[] = []) =>
      (await pool.query(statement, [...parameters])).rows as T[],
    drop: () => pool.end(),
  };
  closeAfterSuite(database, () => database.drop());
  return database;
}
