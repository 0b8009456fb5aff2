/**
 * A full disk (quality.md, Faults 2): a small file system of its own, where this may mount one (root, or `sudo`). Where
 * it may not: on SQLite a file that may not grow (RLIMIT_FSIZE), on PostgreSQL a trigger that says what a full disk says.
 */
import { execFileSync } from 'node:child_process';
import { chownSync, copyFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { answered, startApp, until, type Session, type TestApp } from '../support/app.js';
import { closeAfterSuite } from '../support/cleanup.js';
import { dialect, freshDatabase, newFolder, openSqlite, type TestDatabase } from '../support/database.js';
import { expectProblem } from '../support/http.js';
import { clientInput } from '../support/inputs.js';
import { databaseAt, migrated, ownPostgres } from './own-postgres.js';

/** A mounted file system of so many bytes; undefined where this process may not mount. */
function smallDisk(bytes: number): string | undefined {
  const folder = newFolder();
  const { uid, gid } = userInfo();
  const asRoot = (...command: string[]) => {
    const [program, ...args] = uid === 0 ? command : ['sudo', '-n', ...command];
    execFileSync(program!, args, { stdio: 'ignore' });
  };
  try {
    asRoot('mount', '-t', 'tmpfs', '-o', `size=${bytes},mode=0711,uid=${uid},gid=${gid}`, 'tmpfs', folder);
  } catch {
    return undefined;
  }
  // Lazily: the server that is ended after this may still have files there.
  closeAfterSuite({ folder }, async () => asRoot('umount', '-l', folder));
  return folder;
}

function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const MiB = 2 ** 20;
const disk = smallDisk((dialect() === 'sqlite' ? 6 : 48) * MiB);

/** Takes all the room but a little; returns how to give it back. */
function fill(folder: string): () => void {
  const ballast = join(folder, 'ballast');
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 64 * 1024), 1));
  return () => rmSync(ballast);
}

const aClient = (admin: Session) =>
  admin.post('/clients', clientInput({ password: undefined, notes: 'n'.repeat(4000) }));

/** Writes fail as they should, reads go on, and all that was acknowledged is there; `makeRoom` ends it. */
async function expectBorne(app: TestApp, exhaust: () => () => void): Promise<void> {
  const { pid } = app;
  const admin = await app.admin();
  const acknowledged = [(await answered(201, aClient(admin))).body.id as string];
  const makeRoom = exhaust();
  let refused = 0;
  for (let turn = 0; refused < 10; turn += 1) {
    expect(turn).toBeLessThan(2000);
    const reply = await aClient(admin);
    if (reply.status === 201) {
      acknowledged.push(reply.body.id as string);
      continue;
    }
    refused += 1;
    expectProblem(reply, 503, 'unavailable');
    expect(reply.text).not.toMatch(/ENOSPC|SQLITE_|pg_tblspc|ecatalog\.db/);
    // Reads go on.
    expect((await admin.get(`/clients/${acknowledged.at(-1)}`)).status).toBe(200);
    expect((await admin.get('/clients?limit=5')).status).toBe(200);
    expect((await app.raw('GET', '/health/live')).status).toBe(200);
  }
  makeRoom();
  await until(async () => {
    const reply = await aClient(admin);
    if (reply.status === 201) acknowledged.push(reply.body.id as string);
    return reply.status === 201;
  }, 10_000);
  for (let turn = 0; turn < 20; turn += 1)
    acknowledged.push((await answered(201, aClient(admin))).body.id as string);
  expect({ running: app.running, pid: app.pid }).toEqual({ running: true, pid });
  const stored = new Set((await app.sql<{ id: string }>('SELECT id FROM clients')).map(({ id }) => id));
  expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
  expect(stored.size).toBe(acknowledged.length);
  expect((await answered(200, admin.get('/audit/verify'))).body).toMatchObject({ valid: true });
}

/** PostgreSQL says that the disk is full for as long as a table is there. */
async function actedBy(app: TestApp): Promise<() => () => void> {
  await app.sql(`CREATE FUNCTION say_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF to_regclass('disk_is_full') IS NOT NULL THEN
      RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
    END IF; RETURN NEW; END $$`);
  await app.sql('CREATE TRIGGER say_full BEFORE INSERT ON clients FOR EACH ROW EXECUTE FUNCTION say_full()');
  return () => {
    const filled = app.sql('CREATE TABLE disk_is_full ()');
    return () => void filled.then(() => app.sql('DROP TABLE disk_is_full'));
  };
}

/** The suite's database, on the small disk. */
async function databaseOn(folder: string): Promise<TestDatabase> {
  if (dialect() === 'sqlite') {
    const database = await freshDatabase();
    const path = join(folder, 'ecatalog.db');
    copyFileSync(database.url.slice('sqlite:'.length), path);
    return { ...(await freshDatabase()), url: `sqlite:${path}`, sql: sqlOn(path) };
  }
  const { server, database } = await ownPostgres();
  const { uid, gid } = statSync(join(database.folder, 'postgres', 'data'));
  chownSync(folder, uid, gid);
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(`CREATE TABLESPACE small LOCATION '${folder}'`);
  await client.query('CREATE DATABASE small TABLESPACE small');
  await client.end();
  const url = new URL(server.url);
  url.pathname = '/small';
  const small = databaseAt(url.href, database.folder);
  await migrated(small);
  return small;
}

function sqlOn(path: string): TestDatabase['sql'] {
  return <T>(statement: string, parameters: readonly unknown[] = []) => {
    const connection = openSqlite(path);
    try {
      return Promise.resolve(connection.prepare(statement).all(...parameters) as T[]);
    } finally {
      connection.close();
    }
  };
}

function expectWhole(path: string): void {
  const file = openSqlite(path);
  expect(file.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(file.pragma('foreign_key_check')).toEqual([]);
  file.close();
}

if (disk !== undefined || dialect() === 'postgres')
  describe('a full disk', () => {
    it(`answers writes 503, reads go on, and it recovers by itself${disk === undefined ? ' (played by a trigger)' : ''}`, async () => {
      const database = disk === undefined ? await freshDatabase() : await databaseOn(disk);
      const app = await startApp({ database, env: { DATABASE_URL: database.url } });
      await expectBorne(app, disk === undefined ? await actedBy(app) : () => fill(disk));
      if (app.dialect === 'sqlite') expectWhole(join(disk!, 'ecatalog.db'));
    });
  });

if (dialect() === 'sqlite')
  describe('a file that may not grow', () => {
    const allowed = has('prlimit') ? it : it.skip;
    allowed('answers writes 503, reads go on, and it recovers by itself (needs prlimit)', async () => {
      const app = await startApp();
      const path = app.database.url.slice('sqlite:'.length);
      const limit = (bytes: string) =>
        execFileSync('prlimit', ['--pid', String(app.pid), `--fsize=${bytes}:`]);
      await expectBorne(app, () => {
        limit(String(Math.max(statSync(path).size, statSync(`${path}-wal`).size) + 64 * 1024));
        return () => limit('unlimited');
      });
      expectWhole(path);
    });
  });
