import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DataSource } from 'typeorm';
import { closeAfterSuite } from '../../test/support/cleanup.js';
import { dialect, freshDatabase, newFolder, type TestDatabase } from '../../test/support/database.js';
import { dataSourceOf, settingsFor } from '../../test/support/data-source.js';
import { proxyTo } from '../../test/support/proxy.js';
import { AppConfig } from '../config/app-config.js';
import { ConfigModule } from '../config/config.module.js';
import { DatabaseConnection } from './connection.js';
import { Database } from './database.js';
import type { DatabaseSettings } from './database-settings.js';
import { DatabaseModule } from './database.module.js';
import { parseDatabaseUrl } from './database-url.js';
import { DatabaseUnavailableError } from './errors.js';
import { DatabaseFileInUseError, FileLock } from './file-lock.js';
import { withMigrator } from './migrator.js';
import { UnitOfWork } from './unit-of-work.js';

const sqlite = dialect() === 'sqlite';
const pathOf = (database: TestDatabase) => database.url.slice('sqlite:'.length);

function configOf(database: TestDatabase, over: Partial<DatabaseSettings> = {}): AppConfig {
  const production = { mustExist: true, connectTimeoutMs: 1_000, ...over };
  return Object.assign(new AppConfig(), { database: settingsFor(database, production) });
}

/** A connection as a production server has it, closed after the suite. */
function connectionTo(database: TestDatabase, over: Partial<DatabaseSettings> = {}) {
  const config = configOf(database, over);
  const dataSource = dataSourceOf(database, { settings: config.database });
  const connection = new DatabaseConnection(dataSource, config);
  closeAfterSuite(connection, () => connection.onApplicationShutdown());
  return { connection, uow: new UnitOfWork(dataSource), dataSource };
}

@Module({})
class RootModule {}

const up = {
  up: true,
  pendingMigrations: 0,
  ahead: false,
  migration: expect.stringMatching(/^\w+\d{13}$/) as string,
};
const down = (reason: RegExp, hint: RegExp) =>
  expect.objectContaining({
    up: false,
    reason: expect.stringMatching(reason) as string,
    hint: expect.stringMatching(hint) as string,
  }) as unknown;

describe('DatabaseConnection', () => {
  const logged: string[] = [];
  beforeAll(() => Logger.overrideLogger({ log: hear, warn: hear, error: hear }));
  beforeEach(() => void logged.splice(0));
  afterAll(() => Logger.overrideLogger(true));
  function hear(message: string): void {
    logged.push(message);
  }

  it('connects to a migrated database', async () => {
    const { connection, uow } = connectionTo(await freshDatabase());
    expect(connection.status()).toMatchObject({ up: false });
    expect(await connection.connect()).toEqual(up);
    await connection.whenUp();
    expect(await connection.check()).toEqual(up);
    expect(await uow.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('waits for the migrations of an unmigrated database, and serves nothing before', async () => {
    const database = await freshDatabase({ migrated: false });
    if (sqlite) writeFileSync(pathOf(database), '');
    const { connection, uow } = connectionTo(database);
    const connecting = connection.connect();
    const connected = connecting.then(() => true);
    const soon = () => new Promise<boolean>((resolve) => setImmediate(resolve, false));
    do await expect(uow.query('SELECT 1')).rejects.toThrow(DatabaseUnavailableError);
    while (!(await Promise.race([connected, soon()])));
    expect(await connecting).toEqual(
      down(/\d migrations are not applied to the (SQLite file|PostgreSQL database)/, /ecatalog migrate up/),
    );
    expect(connection.status().pendingMigrations).toBeGreaterThan(5);
    await expect(uow.query('SELECT 1')).rejects.toThrow(DatabaseUnavailableError);
    await withMigrator(settingsFor(database), (migrator) => migrator.up());
    await connection.whenUp();
    expect(connection.status()).toEqual(up);
    // One sentence each time something changes, however often it was tried.
    expect(logged[0]).toMatch(/migrations are not applied .* Run `ecatalog migrate up` to apply them\.$/);
    expect(logged.at(-1)).toMatch(/^Connected to the/);
    expect(new Set(logged).size).toBe(logged.length);
    expect(await uow.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('goes on with a database that a newer release migrated', async () => {
    const database = await freshDatabase();
    await database.sql(
      `INSERT INTO migrations ("timestamp", "name", "checksum", "applied_at") VALUES (9999999999999, 'Newer9999999999999', 'x', '2027-01-01 00:00:00.000')`,
    );
    expect(await connectionTo(database).connection.connect()).toEqual({ ...up, ahead: true });
  });

  it('refuses a history that is not its own', async () => {
    const database = await freshDatabase();
    await database.sql(`UPDATE migrations SET checksum = 'edited'`);
    expect(await connectionTo(database).connection.connect()).toEqual(
      down(/was edited after/, /migrate status/),
    );
  });

  it('serves no more once the schema is taken away', async () => {
    const database = await freshDatabase();
    const { connection, uow } = connectionTo(database);
    await connection.connect();
    await withMigrator(settingsFor(database), (migrator) => migrator.down());
    expect(await connection.check()).toEqual(down(/One migration is not applied/, /migrate up/));
    expect(() => uow.manager).toThrow(DatabaseUnavailableError);
    await withMigrator(settingsFor(database), (migrator) => migrator.up());
    expect(await connection.check()).toEqual(up);
    await uow.query('SELECT 1');
  });

  it('ends its retries and gives everything back at shutdown', async () => {
    const { connection, dataSource } = connectionTo(await freshDatabase({ migrated: false }), {
      mustExist: false,
    });
    await connection.connect();
    await connection.onApplicationShutdown();
    expect(await connection.connect()).toMatchObject({ up: false });
    expect(dataSource.isInitialized).toBe(false);
  });

  it('is wired by the module: one unit of work, connected in the background', async () => {
    const app = await NestFactory.createApplicationContext(
      { module: RootModule, imports: [ConfigModule.of(configOf(await freshDatabase())), DatabaseModule] },
      { logger: false },
    );
    closeAfterSuite(app, () => app.close());
    await app.get(DatabaseConnection).whenUp();
    const uow = app.get(UnitOfWork);
    expect(app.get(Database)).toBe(uow);
    expect(await uow.run((em) => em.query('SELECT 1 AS one'))).toEqual([{ one: 1 }]);
    await app.close();
    expect(app.get(DataSource).isInitialized).toBe(false);
  });

  if (sqlite) {
    it('never makes a file that is missing, and finds it once it is there', async () => {
      const database = await freshDatabase();
      const away = `${pathOf(database)}.away`;
      renameSync(pathOf(database), away);
      const { connection } = connectionTo(database);
      expect(await connection.connect()).toEqual(down(/ecatalog\.db does not exist/, /restore a backup/));
      expect(existsSync(pathOf(database))).toBe(false);
      expect(existsSync(`${pathOf(database)}.lock`)).toBe(false);
      renameSync(away, pathOf(database));
      await connection.whenUp();
    });

    it('makes file and folder where it may', async () => {
      const database = await freshDatabase({ migrated: false });
      const deeper = { ...database, url: `sqlite:${join(newFolder(), 'a/b/new.db')}` };
      const { connection } = connectionTo(deeper, { mustExist: false });
      expect(await connection.connect()).toEqual(down(/not applied/, /migrate up/));
    });

    it.each([
      ['garbage', () => Buffer.from('this is no database at all, not even nearly one'.repeat(200))],
      ['a truncated file', (whole: Buffer) => whole.subarray(0, 20_000)],
      [
        'a page overwritten',
        (whole: Buffer) =>
          Buffer.concat([whole.subarray(0, 8192), Buffer.alloc(4096, 7), whole.subarray(12288)]),
      ],
    ])('says that %s is damaged, and changes nothing', async (_what, damage) => {
      const database = await freshDatabase();
      const content = damage(readFileSync(pathOf(database)));
      writeFileSync(pathOf(database), content);
      const { connection } = connectionTo(database);
      expect(await connection.connect()).toEqual(down(/damaged/, /backup/));
      await connection.onApplicationShutdown();
      expect(readFileSync(pathOf(database)).equals(content)).toBe(true);
    });

    describe('file lock', () => {
      /** Another server on the same file. */
      async function otherServer(path: string) {
        const lock = pathToFileURL(join(import.meta.dirname, '../../dist/src/database/file-lock.js')).href;
        const script = `import { FileLock } from '${lock}'; globalThis.lock = FileLock.acquire(${JSON.stringify(path)}); console.log('held'); setTimeout(() => {}, 60_000);`;
        const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        closeAfterSuite(child, async () => void child.kill('SIGKILL'));
        await once(child.stdout, 'data');
        return { kill: () => (child.kill('SIGKILL'), once(child, 'exit')) };
      }

      it('refuses a second server in words, which goes on once the first is killed', async () => {
        const database = await freshDatabase();
        const other = await otherServer(pathOf(database));
        const { connection } = connectionTo(database);
        expect(() => connection.claimFile()).toThrow(DatabaseFileInUseError);
        expect(await connection.connect()).toEqual(
          down(/Another process already serves .*ecatalog\.db/, /goes on by itself/),
        );
        await other.kill();
        await connection.whenUp();
        expect(() => FileLock.acquire(pathOf(database))).toThrow(/Another process already serves/);
      });

      it('is free after a shutdown', async () => {
        const database = await freshDatabase();
        const { connection } = connectionTo(database);
        await connection.connect();
        await connection.onApplicationShutdown();
        FileLock.acquire(pathOf(database)).release();
      });

      it('leaves other programs their reads and short writes', async () => {
        const database = await freshDatabase();
        const { connection } = connectionTo(database);
        await connection.connect();
        await database.sql(`INSERT INTO system_config VALUES ('k', '1', 1, '2026-01-01', '2026-01-01')`);
        expect(await database.sql('SELECT "key" FROM system_config')).toEqual([{ key: 'k' }]);
      });
    });
  } else {
    it.each([
      ['no server', (url: URL) => (url.port = '1'), /can't be reached \(ECONNREFUSED\)/, /server runs/],
      [
        'a wrong password',
        (url: URL) => (url.password = 'wrong'),
        /refuses this user or password/,
        /password in DATABASE_URL/,
      ],
      [
        'no such database',
        (url: URL) => (url.pathname = '/nowhere'),
        /"nowhere".* does not exist/,
        /CREATE DATABASE/,
      ],
      ['TLS where there is none', (url: URL) => (url.search = '?sslmode=require'), /TLS/, /sslmode/],
    ])('says what is wrong: %s', async (_what, spoil, reason, hint) => {
      const database = await freshDatabase();
      const url = new URL(database.url);
      spoil(url);
      const { connection } = connectionTo(database, { url: parseDatabaseUrl(url.href) });
      const status = await connection.connect();
      expect(status).toEqual(down(reason, hint));
      expect(JSON.stringify(status)).not.toContain(new URL(database.url).password);
    });

    it('notices that the server is lost, and recovers by itself within seconds', async () => {
      const database = await freshDatabase();
      const proxy = await proxyTo(database.url);
      const { connection, uow } = connectionTo(database, { url: parseDatabaseUrl(proxy.url) });
      expect(await connection.connect()).toEqual(up);
      await proxy.close();
      await expect(uow.run((em) => em.query('SELECT 1'))).rejects.toThrow(DatabaseUnavailableError);
      expect(await connection.check()).toEqual(down(/can't be reached/, /tries again by itself/));
      await proxy.open();
      expect(await connection.check()).toEqual(up);
      expect(await uow.run((em) => em.query('SELECT 1 AS one'))).toEqual([{ one: 1 }]);
    });

    it('finds a server that starts later', async () => {
      const database = await freshDatabase();
      const proxy = await proxyTo(database.url);
      await proxy.close();
      const { connection } = connectionTo(database, { url: parseDatabaseUrl(proxy.url) });
      expect(await connection.connect()).toEqual(down(/can't be reached/, /tries again/));
      await proxy.open();
      await connection.whenUp();
    });
  }
});
