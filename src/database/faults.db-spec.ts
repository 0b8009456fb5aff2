import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeAfterSuite } from '../../test/support/cleanup.js';
import { dialect, freshDatabase } from '../../test/support/database.js';
import { connected, dataSourceOf, type Connected } from '../../test/support/data-source.js';
import { leaks } from '../../test/support/leaks.js';
import { proxyTo } from '../../test/support/proxy.js';
import { DatabaseUnavailableError, WriteLaneTimeoutError } from './errors.js';
import { UnitOfWork } from './unit-of-work.js';

const schema = [`CREATE TABLE "entries" ("id" integer PRIMARY KEY)`];
const add = (uow: UnitOfWork, id: number) =>
  uow.run(() => uow.execute('INSERT INTO entries VALUES (:id)', { id }));
const stored = async ({ uow }: Connected) =>
  (await uow.query<{ id: number }>('SELECT id FROM entries ORDER BY id')).map((row) => row.id);

/** How long the event loop stood still at most while `work` ran. */
async function longestPause(work: Promise<unknown>): Promise<number> {
  let last = performance.now();
  let longest = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 5);
  await work;
  clearInterval(timer);
  return longest;
}

if (dialect() === 'sqlite') {
  describe('A SQLite file that another process holds', () => {
    /** Another process that holds the write lock until it is told, or killed. */
    async function otherProcess(path: string) {
      const driver = createRequire(import.meta.url).resolve(
        Number.parseInt(process.versions.node) < 22 ? 'better-sqlite3-node20' : 'better-sqlite3',
      );
      const script = `const db = new (require(${JSON.stringify(driver)}))(${JSON.stringify(path)});
        db.exec('BEGIN IMMEDIATE'); console.log('held');
        process.stdin.on('data', () => { db.exec('COMMIT'); process.exit(); });`;
      const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
      closeAfterSuite(child, async () => void child.kill('SIGKILL'));
      await once(child.stdout, 'data');
      const gone = once(child, 'exit');
      return { release: () => (child.stdin.write('go'), gone), kill: () => (child.kill('SIGKILL'), gone) };
    }

    it('answers writes within the deadline, reads at once, and goes on by itself', async () => {
      const context = await connected({ schema, settings: { laneTimeoutMs: 1_500 } });
      await add(context.uow, 1);
      const holder = await otherProcess(context.database.url.slice('sqlite:'.length));
      const started = performance.now();
      const writes = Promise.allSettled([
        ...[2, 3, 4, 5].map((id) => add(context.uow, id)),
        context.uow.execute('INSERT INTO entries VALUES (6)'),
      ]);
      const pause = await longestPause(writes);
      const took = performance.now() - started;
      const outcomes = (await writes).map((write) =>
        write.status === 'rejected' ? (write.reason as unknown) : write.value,
      );
      expect(outcomes).toEqual(Array(5).fill(expect.any(WriteLaneTimeoutError)));
      expect(took).toBeGreaterThan(1_400);
      expect(took).toBeLessThan(2_500);
      expect(pause).toBeLessThan(150);

      const waiting = add(context.uow, 7);
      expect(await stored(context)).toEqual([1]);
      await holder.release();
      await waiting;
      expect(await stored(context)).toEqual([1, 7]);
      expect(leaks(context.dataSource)).toEqual([]);
    });

    it('is free again when its holder is killed', async () => {
      const context = await connected({ schema });
      const holder = await otherProcess(context.database.url.slice('sqlite:'.length));
      const waiting = add(context.uow, 1);
      await holder.kill();
      await waiting;
      expect(await stored(context)).toEqual([1]);
    });
  });

  describe('A full disk', () => {
    it('fails the write, keeps the reads, and recovers by itself', async () => {
      const context = await connected({ schema: [`CREATE TABLE "blobs" ("content" blob)`] });
      const { uow } = context;
      const fill = (kib: number) =>
        uow.run(() => uow.execute(`INSERT INTO blobs VALUES (zeroblob(:size))`, { size: kib * 1024 }));
      await fill(1);
      // SQLite's own limit stands in for the disk's.
      await context.dataSource.query('PRAGMA max_page_count = 50');
      await expect(fill(1024)).rejects.toThrow(DatabaseUnavailableError);
      await expect(uow.execute(`INSERT INTO blobs VALUES (zeroblob(1048576))`)).rejects.toThrow(
        'no room left',
      );
      expect(await uow.query('SELECT count(*) AS n FROM blobs')).toEqual([{ n: 1 }]);
      await context.dataSource.query('PRAGMA max_page_count = 100000');
      await fill(1024);
      expect(await uow.query('SELECT count(*) AS n FROM blobs')).toEqual([{ n: 2 }]);
      expect(leaks(context.dataSource)).toEqual([]);
    });
  });
} else {
  describe('A PostgreSQL server', () => {
    it('that takes too long is given up after the statement time-out', async () => {
      const context = await connected({ schema, settings: { statementTimeoutMs: 200 } });
      await expect(context.uow.query('SELECT pg_sleep(5)')).rejects.toThrow('took too long');
      await expect(context.uow.run((em) => em.query('SELECT pg_sleep(5)'))).rejects.toThrow(
        DatabaseUnavailableError,
      );
      expect(leaks(context.dataSource)).toEqual([]);
    });

    it('whose connections are all in use answers within the connect time-out', async () => {
      const context = await connected({ schema, settings: { poolSize: 2, connectTimeoutMs: 300 } });
      const busy = [1, 2].map((id) =>
        context.uow.run((em) => em.query(`INSERT INTO entries SELECT ${id} FROM pg_sleep(1)`)),
      );
      await sleep(50);
      const started = performance.now();
      await expect(add(context.uow, 3)).rejects.toThrow('No connection to the database is free');
      await expect(context.uow.query('SELECT 1')).rejects.toThrow(DatabaseUnavailableError);
      expect(performance.now() - started).toBeLessThan(1_000);
      await Promise.all(busy);
      expect(await stored(context)).toEqual([1, 2]);
      expect(leaks(context.dataSource)).toEqual([]);
    });

    it('that cuts the connection in the middle of a unit leaves nothing behind, and the next unit works', async () => {
      const context = await connected({ schema });
      const { uow } = context;
      const cut = () =>
        context.database.sql(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'`,
        );
      const inWork = uow.run(async () => {
        await uow.execute('INSERT INTO entries VALUES (1)');
        await cut();
        await uow.execute('INSERT INTO entries VALUES (2)');
      });
      await expect(inWork).rejects.toThrow(DatabaseUnavailableError);
      const beforeCommit = uow.run(async () => {
        uow.beforeCommit(async () => {
          await cut();
        });
        await uow.execute('INSERT INTO entries VALUES (3)');
      });
      await expect(beforeCommit).rejects.toThrow(DatabaseUnavailableError);
      const beforeRollback = uow.run(async () => {
        await uow.execute('INSERT INTO entries VALUES (4)');
        await cut();
        throw new Error('of the work');
      });
      await expect(beforeRollback).rejects.toThrow('of the work');
      await add(uow, 5);
      expect(await stored(context)).toEqual([5]);
      await sleep(20);
      expect(leaks(context.dataSource)).toEqual([]);
    });

    it('that is not reachable for a while is found again by the same pool', async () => {
      const database = await freshDatabase({ migrated: false });
      await database.sql(schema[0] ?? '');
      const proxy = await proxyTo(database.url);
      const dataSource = await dataSourceOf({ ...database, url: proxy.url }).initialize();
      const uow = new UnitOfWork(dataSource);
      await Promise.all([1, 2, 3].map((id) => add(uow, id)));
      proxy.cut();
      await Promise.allSettled([4, 5, 6].map((id) => add(uow, id)));
      await add(uow, 7);
      expect((await stored({ database, dataSource, uow })).filter((id) => id < 4 || id > 6)).toEqual([
        1, 2, 3, 7,
      ]);
      expect(leaks(dataSource)).toEqual([]);
    });

    it('that no longer says anything is given up, and its connection not used again', async () => {
      const database = await freshDatabase({ migrated: false });
      await database.sql(schema[0] ?? '');
      const proxy = await proxyTo(database.url);
      const settings = { statementTimeoutMs: 100, connectTimeoutMs: 1_000 };
      const dataSource = await dataSourceOf({ ...database, url: proxy.url }, { settings }).initialize();
      const uow = new UnitOfWork(dataSource);
      const mute = uow.run(async () => {
        await uow.execute('INSERT INTO entries VALUES (1)');
        proxy.stop();
        await uow.execute('INSERT INTO entries VALUES (2)');
      });
      await expect(mute).rejects.toThrow(DatabaseUnavailableError);
      proxy.resume();
      await add(uow, 3);
      expect(await stored({ database, dataSource, uow })).toEqual([3]);
      expect(leaks(dataSource)).toEqual([]);
    });
  });
}
