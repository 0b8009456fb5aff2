/**
 * A populated database of the first release, up, down and up again (quality.md, Faults 9). A migration that is added
 * must pass here with that data, and say below what its way back drops.
 */
import { readFingerprint } from '../../src/database/drift.js';
import { releasedSchema } from '../../src/database/released-schema.js';
import { answered, runCli, startApp, type TestApp } from '../support/app.js';
import { dataSourceOf } from '../support/data-source.js';
import { dialect, type Dialect, type TestDatabase } from '../support/database.js';
import { clientInput, demoInput } from '../support/inputs.js';
import {
  columnsOf,
  contentOf,
  countsOf,
  firstRelease,
  firstReleaseDatabase,
  LAST_OF_FIRST_RELEASE,
  tablesOf,
} from './first-release.js';

/** What goes when a migration is undone, with what is in it: a table, or a column of one that stays. */
const dropped: Record<string, readonly string[] | Record<Dialect, readonly string[]>> = {
  Basket1763769600007: ['basket_items'],
  KeysAndSecondFactor1763769600008: ['api_keys', 'recovery_codes', 'second_factors'],
  NotificationsAndJobs1763769600009: ['jobs', 'mail_outbox', 'notifications'],
  MovedTags1763769600010: ['docker_images.moved_digest'],
  BackupRuns1763856000011: ['backup_runs'],
  HotPaths1763856000012: [
    'usage_client_balances',
    'usage_client_totals',
    'usage_demo_balances',
    'usage_demo_totals',
  ],
  UniqueClients1763942400013: ['usage_client_buckets'],
};

function droppedBy(migration: string): readonly string[] {
  const names = dropped[migration];
  if (!names) throw new Error(`Say in this file what the way back of ${migration} drops`);
  return 'sqlite' in names ? names[dialect()] : names;
}

const DAY = 86_400_000;
const first = firstRelease();
const names = releasedSchema.migrations.map(({ name }) => name);
const newer = names.slice(names.indexOf(LAST_OF_FIRST_RELEASE) + 1);

const fingerprint = async (database: TestDatabase) => {
  const dataSource = await dataSourceOf(database, { role: 'migrator' }).initialize();
  const read = await readFingerprint(dataSource);
  await dataSource.destroy();
  return read;
};
const cli = (database: TestDatabase, args: string[]) =>
  runCli(['--json', ...args], {
    env: { NODE_ENV: 'production', DATABASE_URL: database.url },
    cwd: database.folder,
  });

describe('a database of the first release', () => {
  let database: TestDatabase;
  let oldTables: string[];
  let oldColumns: Map<string, string[]>;
  let oldContent: Record<string, string[]>;
  let oldFingerprint: Awaited<ReturnType<typeof fingerprint>>;
  let app: TestApp;
  /** Rows of the old tables, after this release has worked on them. */
  let worked: Record<string, number>;

  const serve = () =>
    startApp({
      database,
      at: first.at,
      env: {
        JWT_SECRET: first.jwtSecret,
        ADMIN_EMAIL: first.admin.email,
        ADMIN_PASSWORD: first.admin.password,
      },
    });
  /** The history of the migrations is the one table that is meant to change. */
  const rowsOf = () =>
    countsOf(
      database,
      oldTables.filter((table) => table !== 'migrations'),
    );

  beforeAll(async () => {
    database = await firstReleaseDatabase();
    oldTables = await tablesOf(database);
    oldColumns = await columnsOf(
      database,
      oldTables.filter((table) => table !== 'migrations'),
    );
    oldContent = await contentOf(database, oldColumns);
    oldFingerprint = await fingerprint(database);
  });

  it('is full: every table has rows, and every state is there', async () => {
    expect(await countsOf(database, oldTables)).toEqual(first.counts.rows);
    expect(Math.min(...Object.values(first.counts.rows))).toBeGreaterThan(0);
    for (const [column, words] of Object.entries(first.counts.words)) {
      const [table, name] = column.split('.');
      const rows = await database.sql<{ word: string; n: unknown }>(
        `SELECT "${name}" AS word, count(*) AS n FROM "${table}" WHERE "${name}" IS NOT NULL GROUP BY "${name}"`,
      );
      expect(Object.fromEntries(rows.map(({ word, n }) => [word, Number(n)]))).toEqual(words);
    }
    expect(Object.keys(first.counts.words['requests.status']!)).toHaveLength(4);
    expect(Object.keys(first.counts.words['demos.status']!)).toHaveLength(3);
    expect(JSON.stringify(oldContent)).toContain('日本語 👩‍👩‍👧 e\u0301 مرحبا');
  });

  it('is behind: this release says so, and is not ready', async () => {
    const waiting = await startApp({ database, ready: false, env: { JWT_SECRET: first.jwtSecret } });
    expect((await waiting.raw('GET', '/health/live')).status).toBe(200);
    expect((await waiting.raw('GET', '/health/ready')).status).toBe(503);
    const status = await cli(database, ['migrate', 'status']);
    expect(status).toMatchObject({ code: 0, json: { pending: newer, ahead: [] } });
    const schema = await cli(database, ['schema', 'verify']);
    expect(schema).toMatchObject({ code: 1, json: { valid: false, pending: newer } });
    expect(await waiting.stop()).toBe(0);
  });

  it('goes up, and every value in it stays what it was', async () => {
    const up = await cli(database, ['migrate', 'up']);
    expect(up).toMatchObject({ code: 0, json: { applied: newer, pending: [], ahead: [] } });
    expect(await cli(database, ['schema', 'verify'])).toMatchObject({ code: 0, json: { valid: true } });
    expect(await contentOf(database, oldColumns)).toEqual(oldContent);
    const audit = await cli(database, ['audit', 'verify', '--head', first.audit.head]);
    expect(audit).toMatchObject({ code: 0, json: { valid: true, head: first.audit.head } });
    expect((await cli(database, ['migrate', 'up'])).json).toMatchObject({ applied: [] });
  });

  it('is served: the same answers, the same sessions, and new work on old records', async () => {
    app = await serve();
    const admin = await app.admin();
    const client = await app.signIn(first.client.email, first.client.password);
    for (const [session, answers] of [
      [admin, first.answers.admin],
      [client, first.answers.client],
    ] as const)
      for (const [path, before] of Object.entries(answers)) {
        // The newest entries are of the sign-ins above.
        if (path.startsWith('/audit')) continue;
        const { body } = await answered(200, session.get(path));
        expect({ path, body }).toMatchObject({ path, body: before });
      }
    const log = (await answered(200, admin.get('/audit?limit=100'))).body.items;
    const logged = new Map(log.map((entry: { id: string }) => [entry.id, entry]));
    for (const entry of first.answers.admin['/audit?limit=20'].items)
      expect(logged.get(entry.id)).toMatchObject(entry);

    // Who was signed in when the new release came still is, and the demo that was open still runs.
    const { accessToken, refreshToken } = first;
    expect((await app.get('/auth/me', { token: accessToken })).status).toBe(200);
    await answered(200, app.post('/auth/refresh', { refreshToken }));
    const live = await answered(200, admin.get('/demo-sessions?limit=1'));
    const { id: open } = live.body.items[0];
    await answered(204, client.post(`/demo-sessions/${open}/heartbeat`));
    await answered(200, client.post(`/demo-sessions/${open}/close`));
    await answered(201, client.post(`/demos/${first.demoId}/open`));
    await answered(200, admin.post(`/clients/${first.clientId}/renew`, { days: 1 }));
    await answered(201, admin.post('/clients', clientInput()));
    await answered(201, admin.post('/demos', demoInput()));
    expect((await answered(200, admin.get('/audit/verify'))).body).toMatchObject({ valid: true });
  });

  it('holds what only this release knows', async () => {
    const admin = await app.admin();
    const client = await app.signIn(first.client.email, first.client.password);
    const other = await answered(201, admin.post('/demos', demoInput()));
    await answered(200, admin.post(`/demos/${other.body.id}/publish`));
    await answered(200, client.put(`/basket/items/${other.body.id}`));
    const expiresAt = new Date(Date.parse(first.at) + 30 * DAY).toISOString();
    await answered(201, admin.post('/api-keys', { name: 'CRM', scopes: ['clients:read'], expiresAt }));
    await answered(200, admin.post('/auth/totp', { password: first.admin.password }));
    expect(await app.cli(['jobs', 'run', 'reminders'])).toMatchObject({ code: 0 });
    const tables = await countsOf(database, ['basket_items', 'api_keys', 'second_factors', 'jobs']);
    expect(Object.values(tables)).toEqual([1, 1, 1, expect.any(Number)]);
    expect(await app.stop()).toBe(0);
    worked = await rowsOf();
  });

  it('goes back down: no row of the first release’s tables is lost, and what goes is declared', async () => {
    const before = await tablesOf(database);
    const columnsBefore = await columnsOf(database, oldTables);
    const down = await cli(database, ['migrate', 'down', String(newer.length)]);
    expect(down).toMatchObject({ code: 0, json: { undone: [...newer].reverse() } });
    const gone = before.filter((table) => !oldTables.includes(table));
    for (const [table, columns] of columnsBefore)
      for (const column of columns)
        if (table !== 'migrations' && !oldColumns.get(table)!.includes(column))
          gone.push(`${table}.${column}`);
    expect(gone.sort()).toEqual(newer.flatMap(droppedBy).sort());
    expect(await tablesOf(database)).toEqual(oldTables);
    expect(await rowsOf()).toEqual(worked);
    expect(await fingerprint(database)).toEqual(oldFingerprint);
    expect((await cli(database, ['migrate', 'status'])).json).toMatchObject({ pending: newer });
  });

  it('goes up again, row counts equal, and is served', async () => {
    expect(await cli(database, ['migrate', 'up'])).toMatchObject({ code: 0, json: { applied: newer } });
    expect(await cli(database, ['schema', 'verify'])).toMatchObject({ code: 0, json: { valid: true } });
    expect(await rowsOf()).toEqual(worked);
    const audit = await cli(database, ['audit', 'verify', '--head', first.audit.head]);
    expect(audit).toMatchObject({ code: 0, json: { valid: true } });
    app = await serve();
    const admin = await app.admin();
    expect((await answered(200, admin.get(`/clients/${first.clientId}`))).body.id).toBe(first.clientId);
    await answered(201, admin.post('/clients', clientInput()));
  });
});
