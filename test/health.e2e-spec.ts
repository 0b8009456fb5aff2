import pg from 'pg';
import { startApp, until, type Session, type TestApp } from './support/app.js';
import { freshDatabase, openSqlite } from './support/database.js';
import { expectProblem, type Reply } from './support/http.js';

const health = (app: TestApp, name: string, caller?: Session): Promise<Reply> =>
  (caller ?? app).raw('GET', `/health/${name}`);
const statuses = ({ body }: Reply): Record<string, string> =>
  Object.fromEntries(
    Object.entries<{ status: string }>(body.details).map(([name, { status }]) => [name, status]),
  );
const allUp = { connection: 'up', tables: 'up', writeAccess: 'up' };

/** Waits until the result that is shared for a second is over. */
const aSecond = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 1_100));

/** Takes what every write needs, in another process's stead, until the function it returns is called. */
async function blockWrites(app: TestApp): Promise<() => Promise<void>> {
  if (app.dialect === 'sqlite') {
    const other = openSqlite(app.database.url.slice('sqlite:'.length));
    other.exec('BEGIN IMMEDIATE');
    return () => Promise.resolve(void other.close());
  }
  const other = new pg.Client({ connectionString: app.database.url });
  await other.connect();
  await other.query('BEGIN; LOCK TABLE system_config IN ACCESS EXCLUSIVE MODE');
  return () => other.end();
}

describe('health', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startApp();
  });

  it('live and ready answer as Terminus does, for anyone', async () => {
    const live = await health(app, 'live');
    expect(live.status).toBe(200);
    expect(live.body).toEqual({ status: 'ok', info: {}, error: {}, details: {} });
    const ready = await health(app, 'ready');
    expect(ready.status).toBe(200);
    expect(ready.body).toMatchObject({ status: 'ok', error: {} });
    expect(statuses(ready)).toEqual({ server: 'up', database: 'up' });
    for (const reply of [live, ready]) {
      expect(reply.headers['cache-control']).toContain('no-store');
      expect(reply.headers['content-type']).toMatch(/^application\/json/);
    }
  });

  it('is not below /api/v1, and errors beside it are problems', async () => {
    expectProblem(await app.get('/health/live'), 404, 'not-found');
    expectProblem(await app.raw('GET', '/health/else'), 404, 'not-found');
    expectProblem(await app.raw('POST', '/health/live'), 405, 'method-not-allowed');
  });

  it('tells anyone which parts of the database are up, and users more', async () => {
    const client = await (await app.createClient()).signIn();
    const anonymous = await health(app, 'database');
    const strangers = [
      await health(app, 'database', client),
      await app.raw('GET', '/health/database', undefined, { token: 'no.good.token' }),
      anonymous,
    ];
    for (const reply of strangers) {
      expect(reply.status).toBe(200);
      expect(reply.body.status).toBe('ok');
      expect(statuses(reply)).toEqual(allUp);
    }
    const viewer = await (await app.createUser({ role: 'viewer' })).signIn();
    for (const caller of [viewer, await app.admin()]) {
      const { status, body } = await health(app, 'database', caller);
      expect(status).toBe(200);
      expect(body.details.details).toMatchObject({
        status: 'up',
        dialect: app.dialect,
        migrationVersion: expect.stringMatching(/\d{13}$/),
        pendingMigrations: 0,
        aheadOfThisRelease: false,
        pool: { total: expect.any(Number), idle: expect.any(Number), waiting: 0 },
        sizeBytes: expect.any(Number),
      });
      expect(body.details.details.sizeBytes).toBeGreaterThan(10_000);
      const { host, password, pathname } = new URL(app.database.url);
      for (const secret of [host, password, pathname].filter(Boolean))
        expect(JSON.stringify(body)).not.toContain(secret);
    }
  });

  it('shares a result for a second', async () => {
    const replies = await Promise.all(Array.from({ length: 20 }, () => health(app, 'database')));
    expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const shared = (await health(app, 'database')).body.details.connection;
    expect(shared).toMatchObject({ status: 'up', cachedResponse: true });
    await aSecond();
    expect((await health(app, 'database')).body.details.connection).not.toHaveProperty('cachedResponse');
  });

  it('sees a table that is gone', async () => {
    await app.sql('ALTER TABLE request_items RENAME TO elsewhere');
    await aSecond();
    const reply = await health(app, 'database');
    expect(reply.status).toBe(503);
    expect(reply.headers['content-type']).toMatch(/^application\/json/);
    expect(reply.body.status).toBe('error');
    expect(statuses(reply)).toEqual({ ...allUp, tables: 'down' });
    expect(Object.keys(reply.body.error)).toEqual(['tables']);
    expect((await health(app, 'live')).status).toBe(200);
    await app.sql('ALTER TABLE elsewhere RENAME TO request_items');
    await aSecond();
    expect(statuses(await health(app, 'database'))).toEqual(allUp);
  });

  it('sees that nothing can be written, while reads go on', async () => {
    await aSecond();
    const release = await blockWrites(app);
    const [reply, live, ready] = await Promise.all(
      ['database', 'live', 'ready'].map((name) => health(app, name)),
    );
    await release();
    expect(reply!.status).toBe(503);
    expect(statuses(reply!)).toEqual({ ...allUp, writeAccess: 'down' });
    expect([live!.status, ready!.status]).toEqual([200, 200]);
    await until(async () => (await health(app, 'database')).status === 200);
  });

  it('goes on when a newer release has migrated the database', async () => {
    await app.sql(
      `INSERT INTO migrations (id, timestamp, name, checksum, applied_at)
       VALUES (9999, 9999999999999, 'Later9999999999999', 'x', '2026-11-21 12:00:00.000')`,
    );
    expect((await health(app, 'ready')).status).toBe(200);
    await aSecond();
    const { body } = await health(app, 'database', await app.admin());
    expect(body.details.details).toMatchObject({
      migrationVersion: 'Later9999999999999',
      aheadOfThisRelease: true,
    });
    await app.sql('DELETE FROM migrations WHERE id = 9999');
  });
});

it('a database without its schema: live, not ready, and ready once it is migrated', async () => {
  const app = await startApp({ database: await freshDatabase({ migrated: false }), ready: false });
  await until(async () => (await health(app, 'ready')).body.error.database?.message !== undefined);
  expect((await health(app, 'live')).status).toBe(200);
  const ready = await health(app, 'ready');
  expect(ready.status).toBe(503);
  expect(statuses(ready)).toMatchObject({ server: 'up', database: 'down' });
  const database = await health(app, 'database');
  expect(database.status).toBe(503);
  expect(database.text).not.toMatch(/ecatalog|select|update|:\d{4}/i);
  expect((await app.cli(['migrate', 'up'])).code).toBe(0);
  await app.untilReady();
});

it('SIGTERM: readiness goes off first, liveness stays', async () => {
  const app = await startApp({ env: { DRAIN_SECONDS: '2' } });
  const stopping = app.stop();
  await until(async () => (await health(app, 'ready')).status === 503);
  const ready = await health(app, 'ready');
  expect(statuses(ready)).toEqual({ server: 'down', database: 'up' });
  expect((await health(app, 'live')).status).toBe(200);
  expectProblem(await app.get('/auth/me'), 401, 'unauthenticated');
  expect(await stopping).toBe(0);
});
