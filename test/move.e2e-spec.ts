import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { answered, startApp, type CliResult, type TestApp } from './support/app.js';
import { freshDatabase, type TestDatabase } from './support/database.js';

/** Text that the two databases, and the lines between them, could treat differently. */
const AWKWARD = 'Tab\t, line\nend, \\N, \\., back\\slash, "quotes", ’é漢😀';

describe('move', () => {
  let app: TestApp;
  let target: TestDatabase;
  let before: object;

  const move = (to: string, env: Record<string, string> = {}, from = 'env:FROM'): Promise<CliResult> =>
    app.cli(['--json', 'move', '--from', from, '--to', to], { env: { FROM: app.database.url, ...env } });
  const on = (database: TestDatabase, ...args: string[]): Promise<CliResult> =>
    app.cli(['--json', ...args], { env: { DATABASE_URL: database.url } });
  const rowsIn = async (database: TestDatabase): Promise<number> =>
    Number((await database.sql<{ count: string | number }>('SELECT count(*) AS count FROM users'))[0]!.count);
  const refused = async (result: Promise<CliResult>, words: string, code = 1): Promise<void> => {
    const { code: found, stderr } = await result;
    expect(stderr).toContain(words);
    expect(found).toBe(code);
  };

  beforeAll(async () => {
    app = await startApp();
    const admin = await app.admin();
    await app.createClient({ name: 'Ana', notes: AWKWARD });
    const { body: settings } = await admin.get('/settings');
    for (const [key, value] of Object.entries({
      'session.accessMinutes': 30,
      'reminder.daysBefore': [14, 3],
      'retention.usageEventDays': null,
      'launch.containerUrlTemplate': 'https://run.example.com/{slug}/{demoSessionId}',
    })) {
      const { version } = settings.items.find((item: { key: string }) => item.key === key);
      await answered(
        200,
        admin.patch(`/settings/${key}`, { value }, { headers: { 'if-match': `"${version}"` } }),
      );
    }
    expect(await app.cli(['--json', 'seed', '--force'])).toMatchObject({ code: 0, stderr: '' });
    // PostgreSQL's suite goes to SQLite and back; SQLite's to another file.
    target = await freshDatabase({ on: 'sqlite', migrated: false });
  });

  it('refuses a source that is served', async () => {
    await on(target, 'migrate', 'up');
    await refused(
      move('env:TO', { TO: target.url }),
      app.dialect === 'sqlite' ? 'Another process already serves' : 'A server is connected to',
    );
    await app.stop();
  });

  it('takes no password from an argument, and says so without showing it', async () => {
    const result = await move('postgres://ecatalog:hunter2hunter2@127.0.0.1/none');
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('env:NAME');
    expect(result.stderr + result.stdout).not.toContain('hunter2');
    await refused(move('env:NOWHERE'), 'The variable NOWHERE is not set', 2);
    await refused(move('mysql://somewhere/x'), 'is not supported', 2);
  });

  it('refuses what is not there, the same database, and other migrations', async () => {
    const missing = join(target.folder, 'missing.db');
    await refused(move(`sqlite:${missing}`), 'does not exist');
    expect(existsSync(missing)).toBe(false);
    await refused(move('env:FROM'), 'the same database');
    await on(target, 'migrate', 'down');
    await refused(move('env:TO', { TO: target.url }), 'Not every migration is applied');
    await on(target, 'migrate', 'up');
    const bare = await freshDatabase({ migrated: false });
    await bare.sql('CREATE TABLE stray (id integer)');
    await refused(move('env:TO', { TO: bare.url }), 'No migration is applied');
  });

  it('refuses a target that has rows, and one that is served', async () => {
    const other = await startApp();
    await refused(
      move('env:TO', { TO: other.database.url }),
      app.dialect === 'sqlite' ? 'Another process already serves' : 'A server is connected to',
    );
    await other.stop();
    await refused(move('env:TO', { TO: other.database.url }), 'There are rows already in');
    expect(await rowsIn(other.database)).toBe(1);
  });

  it('keeps nothing where a row does not fit', async () => {
    if (app.dialect === 'postgres') {
      // PostgreSQL has instants that SQLite can't write down.
      await app.sql(`INSERT INTO jobs (name, next_run_at) VALUES ('never', 'infinity')`);
    } else await app.sql(`INSERT INTO jobs (name, next_run_at) VALUES ('never', 'whenever')`);
    await refused(move('env:TO', { TO: target.url }), 'jobs.next_run_at holds a value that is no instant');
    expect(await rowsIn(target)).toBe(0);
    await app.sql(`DELETE FROM jobs`);
  });

  it('moves everything, and leaves the source as it was', async () => {
    const content = (): string =>
      app.dialect === 'sqlite'
        ? createHash('sha256')
            .update(readFileSync(app.database.url.slice('sqlite:'.length)))
            .digest('hex')
        : '';
    const untouched = content();
    const moved = await move('env:TO', { TO: target.url });
    expect(moved.stderr).toBe('');
    expect(moved.code).toBe(0);
    expect(content()).toBe(untouched);
    before = moved.json.tables;
    for (const [table, { rows }] of Object.entries<{ rows: number }>(moved.json.tables)) {
      for (const database of [app.database, target]) {
        const [row] = await database.sql<{ count: string | number }>(
          `SELECT count(*) AS count FROM "${table}"`,
        );
        expect([table, Number(row!.count)]).toEqual([table, rows]);
      }
    }
    expect(moved.json.tables.usage_analytics.rows).toBeGreaterThan(100);
    const [client] = await target.sql<{ notes: string }>(`SELECT notes FROM clients WHERE name = 'Ana'`);
    expect(client!.notes).toBe(AWKWARD);
    const instants = (database: TestDatabase): Promise<{ id: string; updated_at: string | Date }[]> =>
      database.sql('SELECT id, updated_at FROM clients ORDER BY id');
    const written = (rows: { updated_at: string | Date }[]): number[] =>
      rows.map(({ updated_at: at }) => new Date(typeof at === 'string' ? `${at}Z` : at).getTime());
    expect(written(await instants(target))).toEqual(written(await instants(app.database)));
  });

  it('leaves a target whose schema, triggers and audit chain are whole', async () => {
    expect((await on(target, 'schema', 'verify')).json).toMatchObject({ valid: true });
    expect((await on(target, 'audit', 'verify')).json).toEqual(
      (await on(app.database, 'audit', 'verify')).json,
    );
    await expect(async () => target.sql('DELETE FROM audit_log')).rejects.toThrow('append-only');
  });

  it('does not move twice, and takes a password from PGPASSWORD', async () => {
    const from = new URL(app.database.url);
    const { password } = from;
    from.password = '';
    const source = app.dialect === 'postgres' ? from.href : app.database.url;
    await refused(
      move('env:TO', { TO: target.url, PGPASSWORD: password }, source),
      'There are rows already in',
    );
  });

  it('lets the app run on the target, and its first writes work', async () => {
    const there = await startApp({ database: target, env: { ...app.env, DATABASE_URL: target.url } });
    const client = await there.createClient();
    expect((await (await client.signIn()).get('/auth/me')).status).toBe(200);
    const admin = await there.admin();
    const { body } = await admin.get('/settings');
    const valueOf = (key: string): unknown =>
      body.items.find((item: { key: string }) => item.key === key).value;
    expect(valueOf('session.accessMinutes')).toBe(30);
    expect(valueOf('reminder.daysBefore')).toEqual([14, 3]);
    expect((await admin.get('/audit/verify')).body.valid).toBe(true);
    await there.stop();
  });

  it('goes back to the first kind of database, with the same digests', async () => {
    const again = await freshDatabase({ on: 'sqlite', migrated: false });
    const home = await freshDatabase({ migrated: false });
    for (const database of [again, home]) await on(database, 'migrate', 'up');
    expect((await move('env:TO', { TO: again.url })).json.tables).toEqual(before);
    const back = await move('env:TO', { FROM: again.url, TO: home.url });
    expect(back.json.tables).toEqual(before);
    expect((await on(home, 'audit', 'verify')).json).toMatchObject({ valid: true });
    expect((await on(home, 'schema', 'verify')).json).toMatchObject({ valid: true });
    const there = await startApp({ database: home, env: { ...app.env, DATABASE_URL: home.url } });
    await there.createClient();
    expect((await (await there.admin()).get('/audit/verify')).body.valid).toBe(true);
  });
});
