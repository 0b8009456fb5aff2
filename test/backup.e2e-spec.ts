import { execFile } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  openSync,
  closeSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, type CliResult, type TestApp } from './support/app.js';
import { closeAfterSuite } from './support/cleanup.js';
import { freshDatabase, newFolder, type TestDatabase } from './support/database.js';
import { startPostgres } from './support/postgres.mjs';
import { systemServer } from './support/system-server.js';

const CLI = join(import.meta.dirname, '../dist/src/cli.js');
const HEADER = 65_536;

interface Run {
  kind: string;
  result: string;
  size_bytes: number | string | null;
  file_name: string | null;
  detail: string | null;
}

function backupsOf(app: TestApp) {
  const folder = newFolder();
  const backup = (args: string[], env: Record<string, string> = {}): Promise<CliResult> =>
    app.cli(['--json', 'backup', ...args], { env: { BACKUP_DIR: folder, ...env } });
  const create = async (...args: string[]): Promise<{ file: string; kind: string; tables: object }> => {
    const { code, stderr, json } = await backup(['create', ...args]);
    if (code !== 0) throw new Error(stderr);
    return json;
  };
  return { folder, backup, create };
}

const runs = (database: TestDatabase): Promise<Run[]> =>
  database.sql('SELECT kind, result, size_bytes, file_name, detail FROM backup_runs ORDER BY started_at');
const emails = async (database: TestDatabase): Promise<string[]> =>
  (await database.sql<{ email: string }>('SELECT email FROM clients ORDER BY email')).map(
    ({ email }) => email,
  );

/** Closes the test's own connection, which keeps a SQLite file from being replaced and its WAL from being emptied. */
const letGo = async (database: TestDatabase): Promise<void> =>
  database.dialect === 'sqlite' ? database.drop() : undefined;

/** Changes one byte. */
function flip(file: string, position: number): void {
  const byte = readFileSync(file)[position]!;
  const handle = openSync(file, 'r+');
  writeSync(handle, Buffer.from([byte ^ 1]), 0, 1, position);
  closeSync(handle);
}

/** The command line where no file may become larger than so many KiB: what a full disk is to a program. */
function cliWithin(
  kibibytes: number,
  app: TestApp,
  args: string[],
  env: Record<string, string>,
): Promise<CliResult> {
  const script = `trap '' XFSZ; ulimit -f ${kibibytes * 2}; exec "$0" "$@"`;
  return new Promise((resolve) => {
    execFile(
      'sh',
      ['-c', script, process.execPath, CLI, ...args],
      { cwd: app.database.folder, env: { ...app.env, ...env } },
      (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr, json: undefined }),
    );
  });
}

describe('a backup beside a server that writes', () => {
  let app: TestApp;
  let backups: ReturnType<typeof backupsOf>;
  beforeAll(async () => {
    app = await startApp();
    backups = backupsOf(app);
    await app.createClient({ notes: 'Tab\t, line\nend, \\N, ’é漢😀' });
  });

  it.each([[], ['--portable']])('holds every write acknowledged before it began %s', async (...options) => {
    const acknowledged: string[] = [];
    let writing = true;
    const writers = Array.from({ length: 4 }, async () => {
      while (writing) acknowledged.push((await app.createClient({ password: undefined })).email);
    });
    while (acknowledged.length < 20) await sleep(5);
    const before = [...acknowledged];
    const { file } = await backups.create(...options);
    writing = false;
    await Promise.all(writers);
    expect(acknowledged.length).toBeGreaterThan(before.length);

    const restored = await freshDatabase({ migrated: false });
    const env = { DATABASE_URL: restored.url };
    expect((await app.cli(['backup', 'restore', file], { env })).code).toBe(0);
    expect(await emails(restored)).toEqual(expect.arrayContaining(before));
    expect((await app.cli(['--json', 'audit', 'verify'], { env })).json).toMatchObject({ valid: true });
    expect((await app.cli(['--json', 'schema', 'verify'], { env })).json).toMatchObject({ valid: true });
  });

  it('is one file for its owner alone, listed and recorded', async () => {
    const { body } = await (await app.admin()).get('/audit', { query: { limit: '1' } });
    expect(body.items).toHaveLength(1);
    const names = readdirSync(backups.folder).sort();
    expect(names).toHaveLength(2);
    for (const name of names) expect(statSync(join(backups.folder, name)).mode & 0o777).toBe(0o600);
    const { json: list } = await backups.backup(['list']);
    expect(list.map(({ name }: { name: string }) => name)).toEqual([...names].reverse());
    const kept = await runs(app.database);
    expect(kept.map(({ result }) => result)).toEqual(['ok', 'ok']);
    expect(kept.map(({ file_name: name }) => name)).toEqual(names);
    expect(Number(kept[0]!.size_bytes)).toBe(statSync(join(backups.folder, names[0]!)).size);
    const { applied } = (await app.cli(['--json', 'migrate', 'status'])).json;
    expect(list[0]).toMatchObject({ kind: 'portable', migration: applied.at(-1), appVersion: '0.1.0' });
  });

  it('shows its manifest, and gives its rows, without this program', async () => {
    const name = readdirSync(backups.folder).find((file) => file.includes('portable'))!;
    const sh = (script: string): Promise<string> =>
      new Promise((resolve, reject) => {
        execFile('sh', ['-c', script, join(backups.folder, name)], (error, stdout) =>
          error ? reject(new Error(error.message)) : resolve(stdout),
        );
      });
    const manifest = JSON.parse(await sh('head -n 2 "$0" | tail -n 1'));
    expect(manifest).toMatchObject({ kind: 'portable', tallies: { users: { rows: 1 } } });
    expect(await sh(`tail -c +${HEADER + 1} "$0" | gunzip`)).toContain('COPY "users" ("id", "name",');
  });

  it('says in words which form it chose', async () => {
    if (app.dialect === 'sqlite') return;
    const { stderr } = await app.cli(['backup', 'create'], {
      env: { BACKUP_DIR: newFolder(), PATH: newFolder() },
    });
    expect(stderr).toContain('There is no pg_dump on this machine: the backup is made as with --portable.');
  });

  it('refuses a file that is cut, altered or none, and leaves the database alone', async () => {
    const { file } = await backups.create();
    const size = statSync(file).size;
    const copy = join(backups.folder, 'copy');
    const damage: Record<string, () => void> = {
      'cut short: 10 bytes are missing': () => truncateSync(copy, size - 10),
      'bytes too many': () => writeFileSync(copy, 'x', { flag: 'a' }),
      'is no backup': () => flip(copy, 3),
      'damaged in its header': () => flip(copy, 300),
      'its content is not what was written': () => flip(copy, HEADER + Math.floor((size - HEADER) / 2)),
      'content is not what': () => flip(copy, size - 1),
      "can't be read": () => renameSync(copy, `${copy}.elsewhere`),
    };
    await app.stop();
    const before = await emails(app.database);
    for (const [words, harm] of Object.entries(damage)) {
      copyFileSync(file, copy);
      harm();
      const restoring = words.includes('cut short') || words.includes('its content');
      const { code, stderr } = await backups.backup(
        restoring ? ['restore', copy, '--replace'] : ['verify', copy],
      );
      expect(stderr).toContain(words);
      expect(code).toBe(1);
    }
    expect(await emails(app.database)).toEqual(before);
    expect((await backups.backup(['verify', file])).json).toMatchObject({ valid: true });
    await app.start();
    expect((await app.get('/health')).status).toBeLessThan(500);
  });
});

describe('restoring', () => {
  let app: TestApp;
  let backups: ReturnType<typeof backupsOf>;
  let file: string;
  let kept: string[];
  let tables: object;
  beforeAll(async () => {
    app = await startApp();
    backups = backupsOf(app);
    await app.createClient();
    ({ file, tables } = await backups.create());
    kept = await emails(app.database);
    await app.createClient();
  });

  it('refuses a database that is served', async () => {
    const { code, stderr } = await backups.backup(['restore', file, '--replace']);
    expect(stderr).toContain(
      app.dialect === 'sqlite' ? 'Another process already serves' : 'A server is connected to',
    );
    expect(code).toBe(1);
    await app.stop();
  });

  it('refuses a database that has rows, unless told', async () => {
    const refused = await backups.backup(['restore', file]);
    expect(refused.stderr).toContain('--replace');
    expect(refused.code).toBe(1);
    expect(await emails(app.database)).toHaveLength(2);
  });

  it('leaves all as it was where the disk is full', async () => {
    if (app.dialect === 'sqlite') {
      const { code, stderr } = await cliWithin(100, app, ['backup', 'restore', file, '--replace'], {});
      expect(stderr).toContain('nothing was left there');
      expect(code).toBe(1);
      expect(readdirSync(app.database.folder).filter((name) => name.includes('scratch'))).toEqual([]);
    }
    expect(await emails(app.database)).toHaveLength(2);
  });

  it('puts all of it back, and keeps the SQLite file that was there', async () => {
    await letGo(app.database);
    const { code, json } = await backups.backup(['restore', file, '--replace']);
    expect(code).toBe(0);
    expect(json.pending).toEqual([]);
    const env = { DATABASE_URL: app.database.url };
    const again = await app.cli(['--json', 'backup', 'create', '--to', newFolder()], { env });
    expect(again.json.tables.clients).toEqual((tables as { clients: object }).clients);
    expect(again.json.tables.audit_log).toEqual((tables as { audit_log: object }).audit_log);
    if (app.dialect === 'sqlite') expect(existsSync(json.kept)).toBe(true);
    await app.start();
    const { body } = await (await app.admin()).get('/clients');
    expect(body.items.map(({ email }: { email: string }) => email)).toEqual(kept);
    await app.createClient();
    expect((await (await app.admin()).get('/audit/verify')).body.valid).toBe(true);
    await app.stop();
  });

  it('mends a damaged SQLite file, and takes a backup of either database', async () => {
    const damaged = await freshDatabase({ on: 'sqlite', migrated: false });
    const path = damaged.url.slice('sqlite:'.length);
    writeFileSync(path, 'no database at all'.repeat(1000));
    const env = { DATABASE_URL: damaged.url };
    const refused = await backups.backup(['restore', file], env);
    expect(refused.stderr).toContain('is damaged or no SQLite database');
    const { json } = await backups.backup(['restore', file, '--replace'], env);
    expect(readFileSync(json.kept, 'utf8')).toContain('no database at all');
    expect(await emails(damaged)).toEqual(kept);
    expect((await app.cli(['--json', 'schema', 'verify'], { env })).json).toMatchObject({ valid: true });
  });

  it('brings the schema of an earlier release, which is then migrated', async () => {
    const older = await freshDatabase();
    const newer = await freshDatabase({ migrated: false });
    const { undone } = (await app.cli(['--json', 'migrate', 'down'], { env: { DATABASE_URL: older.url } }))
      .json;
    const { json: made } = await backups.backup(['create', '--portable'], { DATABASE_URL: older.url });
    const env = { DATABASE_URL: newer.url };
    const { json } = await backups.backup(['restore', made.file], env);
    expect(json.pending).toEqual(undone);
    expect((await app.cli(['--json', 'migrate', 'up'], { env })).json.applied).toEqual(undone);
    // The other way round the database would lose what it has.
    const { stderr, code } = await backups.backup(['restore', made.file], {
      DATABASE_URL: (await freshDatabase()).url,
    });
    expect([code, stderr.includes('Restore it into a new database')]).toEqual(
      app.dialect === 'sqlite' ? [0, false] : [1, true],
    );
  });
});

describe('on the schema of a newer release, as after a roll-back', () => {
  const newer = 'WaitingList9000000000000';
  const checksum = 'c'.repeat(64);

  /** What the newer release would have left: a table that refers to ours, and sorts before them; a column. */
  async function migrateFurther(database: TestDatabase): Promise<void> {
    const { dialect } = database;
    const sql = (...all: Parameters<TestDatabase['sql']>) => database.sql(...all);
    const id = dialect === 'postgres' ? 'uuid' : 'varchar(36)';
    await sql(`CREATE TABLE "a_waiting_list" ("client_id" ${id} NOT NULL REFERENCES "clients" ("id"),
      "position" integer NOT NULL)`);
    await sql(`ALTER TABLE "clients" ADD COLUMN "nickname" text`);
    const now = dialect === 'postgres' ? 'now()' : `datetime('now')`;
    await sql(
      `INSERT INTO "migrations" ("timestamp", "name", "checksum", "applied_at") VALUES (9000000000000, ?, ?, ${now})`,
      [newer, checksum],
    );
  }

  let app: TestApp;
  let backups: ReturnType<typeof backupsOf>;
  beforeAll(async () => {
    app = await startApp();
    backups = backupsOf(app);
    const { id } = await app.createClient();
    await migrateFurther(app.database);
    await app.database.sql(`UPDATE "clients" SET "nickname" = 'Tab\t’é' WHERE "id" = ?`, [id]);
    await app.database.sql(`INSERT INTO "a_waiting_list" VALUES (?, 7)`, [id]);
  });

  it.each(['--portable', undefined])('is made, verified and put back %s', async (form) => {
    const made = await backups.backup(['create', ...(form ? [form] : [])]);
    expect(made).toMatchObject({
      code: 0,
      json: { migration: newer, tables: { a_waiting_list: { rows: 1 } } },
    });
    const { file, kind, tables } = made.json;
    const manifest = JSON.parse(readFileSync(file).subarray(0, HEADER).toString().split('\n')[1]!);
    const known = (await app.cli(['--json', 'migrate', 'status'])).json;
    expect(manifest.migrations.map(({ name }: { name: string }) => name)).toEqual([...known.applied, newer]);
    // By which the newer release knows that it is its own.
    expect(manifest.migrations.at(-1)).toEqual({ name: newer, checksum });

    const verified = await app.cli(['backup', 'verify', file]);
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('is whole') });
    expect(verified.stdout.includes('only that release can check')).toBe(kind !== 'sqlite');

    // The database that it is of has its schema still.
    if (app.dialect === 'postgres' || kind === 'sqlite') {
      await app.stop();
      const before = await emails(app.database);
      await app.database.sql('DELETE FROM "a_waiting_list"');
      await letGo(app.database);
      const restored = await app.cli(['backup', 'restore', file, '--replace']);
      expect(restored).toMatchObject({ code: 0, stdout: expect.stringContaining('this one serves on it') });
      const again = await backups.backup(['create']);
      for (const table of ['a_waiting_list', 'clients', 'audit_log'])
        expect(again.json.tables[table]).toEqual(tables[table]);
      await app.start();
      expect(await emails(app.database)).toEqual(before);
      await app.createClient();
    }

    // Only the newer release can make that schema anew.
    const empty = await freshDatabase({ migrated: false });
    const env = { DATABASE_URL: empty.url };
    const into = await app.cli(['backup', 'restore', file], { env });
    if (kind === 'sqlite') expect(into.code).toBe(0);
    else {
      expect(into).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('restore it with that release'),
      });
      if (empty.dialect === 'postgres')
        expect(await empty.sql(`SELECT 1 FROM pg_tables WHERE schemaname = 'public'`)).toEqual([]);
      else expect(existsSync(empty.url.slice('sqlite:'.length))).toBe(false);
    }
  });

  it('says so, and is still refused where it was altered', async () => {
    const folder = newFolder();
    const { stderr } = await app.cli(['backup', 'create', '--portable', '--to', folder]);
    expect(stderr).toContain(`A newer release migrated the database (${newer})`);
    const file = join(folder, readdirSync(folder)[0]!);
    flip(file, HEADER + 100);
    expect((await backups.backup(['verify', file])).stderr).toContain('is damaged');
  });
});

describe('where there is no room', () => {
  it('leaves nothing half, and the run is recorded as failed', async () => {
    const app = await startApp();
    expect(await app.cli(['--json', 'seed', '--force'])).toMatchObject({ code: 0, stderr: '' });
    await app.stop();
    await letGo(app.database);
    const folder = newFolder();
    const { code, stderr } = await cliWithin(80, app, ['backup', 'create'], { BACKUP_DIR: folder });
    expect(stderr).not.toBe('');
    expect(code).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
    const [run] = await runs(app.database);
    expect(run).toMatchObject({ result: 'failed', size_bytes: null, file_name: null });
    expect(run!.detail).not.toBe('');
    await app.start();
    const { file } = await backupsOf(app).create();
    expect(existsSync(file)).toBe(true);
    expect((await runs(app.database)).map(({ result }) => result)).toEqual(['failed', 'ok']);
  });
});

describe('prune', () => {
  it('keeps by days, weeks and months, and what it does not know', async () => {
    const app = await startApp();
    await app.stop();
    const { folder, backup, create } = backupsOf(app);
    const files = [
      (await create('--portable')).file,
      (await create('--portable')).file,
      (await create()).file,
    ];
    const [oldest, middle, newest] = files.map((file) => file.slice(folder.length + 1));
    flip(join(folder, oldest!), 300);
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    const env = { BACKUP_KEEP_DAILY: '1', BACKUP_KEEP_WEEKLY: '0', BACKUP_KEEP_MONTHLY: '0' };
    const planned = await backup(['prune', '--dry-run'], env);
    expect(planned.json).toMatchObject({ removed: [middle], damaged: [oldest], dryRun: true });
    expect(readdirSync(folder)).toHaveLength(4);
    const { json } = await backup(['prune'], env);
    expect(json).toMatchObject({ removed: [middle], kept: { [newest!]: ['newest', 'daily'] } });
    expect(readdirSync(folder).sort()).toEqual([oldest, newest, 'notes.txt'].sort());
    expect((await backup(['prune'], { BACKUP_KEEP_DAILY: 'many' })).stderr).toContain('BACKUP_KEEP_DAILY');
  });
});

const itWithServer = systemServer || process.env.TEST_DATABASE === 'sqlite' ? it : it.skip;

describe('pg_dump', () => {
  itWithServer('is taken where it is as new as the server (Debian package postgresql)', async () => {
    if (process.env.TEST_DATABASE === 'sqlite') return;
    const folder = newFolder();
    chmodSync(folder, 0o711); // PostgreSQL runs under another account where this runs as root
    const server = await startPostgres(join(folder, 'postgres'), { bin: systemServer });
    closeAfterSuite(server, () => server.stop());
    const app = await startApp();
    await app.createClient({ notes: 'Tab\t, line\nend, \\N, ’é漢😀' });
    await app.stop();
    const PATH = `${systemServer}:${process.env.PATH}`;
    const { folder: made, backup } = backupsOf(app);
    const portable = await backup(['create', '--portable']);
    const env = { DATABASE_URL: server.url, PATH };
    expect((await backup(['restore', portable.json.file], env)).code).toBe(0);
    const dumped = await backup(['create'], env);
    expect(dumped.stderr).toBe('');
    expect(dumped.json).toMatchObject({
      kind: 'pg_dump',
      tables: { clients: portable.json.tables.clients },
    });
    expect(readdirSync(made)).toHaveLength(2);
    const restored = await freshDatabase({ migrated: false });
    const target = { DATABASE_URL: restored.url };
    expect((await backup(['restore', dumped.json.file], target)).code).toBe(0);
    expect(await emails(restored)).toEqual(await emails(app.database));
    expect((await app.cli(['--json', 'audit', 'verify'], { env: target })).json).toMatchObject({
      valid: true,
    });
  });
});
