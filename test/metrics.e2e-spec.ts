import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrations } from '../migrations/index.js';
import { jobNames } from '../src/jobs/job-names.js';
import { type LogLine, startApp, until, type TestApp } from './support/app.js';
import { freshDatabase } from './support/database.js';
import { type Scrape, scrape } from './support/metrics.js';

/** What is read from the database is handed out again for so long. */
const SHARED_MS = 10_000;

/** Scrapes until `holds`: what the database knows is asked for at most every ten seconds. */
async function eventually(app: TestApp, holds: (metrics: Scrape) => boolean): Promise<Scrape> {
  let metrics = await scrape(app);
  await until(async () => {
    if (holds(metrics)) return true;
    await sleep(250);
    metrics = await scrape(app);
    return holds(metrics);
  }, SHARED_MS + 10_000);
  return metrics;
}

describe('metrics', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ env: { JOBS_TICK_MS: '100' } });
  });

  it('have a port of their own, and only that', async () => {
    expect(new URL(app.metricsUrl).port).not.toBe(new URL(app.url).port);
    expect((await app.raw('GET', '/metrics')).status).toBe(404);
    const reply = await fetch(app.metricsUrl);
    expect(reply.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const elsewhere = (path: string, method = 'GET') => fetch(new URL(path, app.metricsUrl), { method });
    expect((await elsewhere('/')).status).toBe(404);
    expect((await elsewhere('/api/v1/demos')).status).toBe(404);
    expect((await elsewhere('/metrics', 'POST')).status).toBe(405);
  });

  it('tell requests apart by template, method and status, and never hold a path', async () => {
    const admin = await app.admin();
    const client = await app.createClient();
    await admin.get(`/clients/${client.id}`);
    await admin.get('/clients/not-an-id');
    await app.get('/no-such-path');
    const metrics = await scrape(app);
    const count = (labels: Record<string, string>) =>
      metrics.value('ecatalog_http_request_seconds_count', labels);
    expect(count({ method: 'GET', route: '/api/v1/clients/:id', status: '200' })).toBe(1);
    expect(count({ method: 'GET', route: '/api/v1/clients/:id', status: '404' })).toBe(1);
    expect(count({ method: 'POST', route: '/api/v1/clients', status: '201' })).toBe(1);
    expect(count({ route: 'none', status: '404' })).toBeGreaterThanOrEqual(1);
    expect(metrics.text).not.toContain(client.id);
    expect(metrics.text).not.toContain('no-such-path');
  });

  it('count sign-ins by result', async () => {
    const before = await scrape(app);
    const client = await app.createClient();
    await client.signIn();
    await app.post('/auth/login', { email: client.email, password: 'not the password of anybody' });
    const after = await scrape(app);
    const grown = (result: string) =>
      after.value('ecatalog_sign_ins_total', { result })! -
      before.value('ecatalog_sign_ins_total', { result })!;
    expect({
      ok: grown('ok'),
      wrong: grown('invalid-credentials'),
      locked: grown('too-many-requests'),
    }).toEqual({ ok: 1, wrong: 1, locked: 0 });
  });

  it('show the database: its time, size, migrations, and what belongs to its kind', async () => {
    const metrics = await eventually(app, (found) => found.value('ecatalog_database_up') === 1);
    const value = (name: string, labels = {}) => metrics.value(`ecatalog_${name}`, labels);
    expect(value('database_query_seconds_count', { statement: 'select' })).toBeGreaterThan(0);
    expect(value('database_query_seconds_count', { statement: 'commit' })).toBeGreaterThan(0);
    expect(value('database_size_bytes')).toBeGreaterThan(100_000);
    expect(value('migrations_pending')).toBe(0);
    expect(value('migrations_ahead')).toBe(0);
    expect(metrics.all('ecatalog_migration_info')).toEqual([
      { name: 'ecatalog_migration_info', labels: { version: migrations.at(-1)?.name }, value: 1 },
    ]);
    expect(value('ready')).toBe(1);
    expect(value('database_slow_queries_total')).toBeGreaterThanOrEqual(0);
    expect(value('database_connection_failures_total')).toBe(0);
    expect(value('nodejs_eventloop_lag_p99_seconds')).toBeUndefined();
    expect(metrics.value('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);
    expect(metrics.value('process_resident_memory_bytes')).toBeGreaterThan(1e7);
    if (app.dialect === 'sqlite') {
      expect(value('write_lane_wait_seconds_count')).toBeGreaterThan(0);
      expect(value('write_lane_waiting')).toBe(0);
      expect(value('database_wal_size_bytes')).toBeGreaterThan(0);
      expect(value('volume_free_bytes', { volume: 'data' })).toBeGreaterThan(0);
      expect(value('volume_size_bytes', { volume: 'data' })).toBeGreaterThan(
        value('volume_free_bytes', { volume: 'data' })!,
      );
      expect(value('database_pool_size')).toBeUndefined();
      expect(value('table_rows')).toBeUndefined();
    } else {
      expect(value('database_pool_size')).toBe(10);
      expect(value('database_pool_connections')).toBeGreaterThan(0);
      expect(value('database_pool_waiting')).toBe(0);
      expect(value('database_wal_written_bytes')).toBeGreaterThan(0);
      expect(metrics.all('ecatalog_table_rows').map(({ labels }) => labels.table)).toContain('clients');
      expect(metrics.all('ecatalog_table_dead_rows').length).toBeGreaterThan(20);
      expect(value('write_lane_waiting')).toBeUndefined();
    }
  });

  it('show live demo sessions and the background jobs', async () => {
    const client = await app.createClient();
    const demo = await app.createDemo();
    await app.grant(client.id, demo.id);
    const session = await client.signIn();
    await session.post(`/demos/${demo.id}/open`);
    const metrics = await eventually(
      app,
      (found) =>
        found.value('ecatalog_demo_sessions_live') === 1 &&
        found.all('ecatalog_job_last_run_timestamp_seconds').length === jobNames.length,
    );
    for (const name of jobNames) {
      expect(metrics.value('ecatalog_job_runs_total', { name, result: 'ok' })).toBeGreaterThan(0);
      expect(metrics.value('ecatalog_job_runs_total', { name, result: 'failed' })).toBe(0);
      expect(metrics.value('ecatalog_job_next_run_timestamp_seconds', { name })).toBeGreaterThan(
        metrics.value('ecatalog_job_last_run_timestamp_seconds', { name })!,
      );
    }
  });

  it('scraping often asks the database once', async () => {
    const quiet = await startApp();
    await scrape(quiet);
    const count = async () =>
      (await scrape(quiet)).value('ecatalog_database_query_seconds_count', { statement: 'select' })!;
    const before = await count();
    for (let scrapes = 0; scrapes < 20; scrapes += 1) await scrape(quiet);
    // The threshold of slow queries is read meanwhile, at most once here and there.
    expect((await count()) - before).toBeLessThanOrEqual(3);
  });
});

describe('metrics without what they measure', () => {
  it('a database that is gone leaves the metrics, and what only it knew goes', async () => {
    const app = await startApp();
    expect((await scrape(app)).value('ecatalog_database_up')).toBe(1);
    expect(await app.stop()).toBe(0);
    const broken = await freshDatabase({ migrated: false });
    await broken.drop();
    const lost = await startApp({ database: broken, ready: false });
    await until(async () => (await scrape(lost)).value('ecatalog_database_connection_failures_total')! > 0);
    const started = performance.now();
    const metrics = await scrape(lost);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(metrics.value('ecatalog_database_up')).toBe(0);
    expect(metrics.value('ecatalog_ready')).toBe(0);
    for (const name of ['database_size_bytes', 'demo_sessions_live', 'migrations_pending'])
      expect(metrics.value(`ecatalog_${name}`)).toBeUndefined();
    expect(metrics.value('process_cpu_seconds_total')).toBeGreaterThan(0);
  });

  it('an unmigrated database shows what is pending', async () => {
    const app = await startApp({ database: await freshDatabase({ migrated: false }), ready: false });
    if (app.dialect === 'sqlite') await app.sql('CREATE TABLE made_by_another (id integer)');
    await app.kill();
    await app.start();
    const metrics = await eventually(
      app,
      (found) => found.value('ecatalog_migrations_pending') === migrations.length,
    );
    expect(metrics.value('ecatalog_database_up')).toBe(0);
    expect(metrics.value('ecatalog_database_size_bytes')).toBeUndefined();
  });

  it('a port that is taken is said, and stops nothing', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    try {
      const app = await startApp({ env: { METRICS_PORT: String(port) } });
      expect(app.metricsUrl).toBe('');
      await app.flushLogs();
      const line = app.logs.find(({ context }) => context === 'Metrics');
      expect(line).toMatchObject({ level: 'error', msg: expect.stringContaining(`port ${port}`) });
      expect(line?.msg).toContain('METRICS_PORT');
      expect((await app.raw('GET', '/health/ready')).status).toBe(200);
    } finally {
      other.close();
    }
  });
});

describe('what is slow', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });

  it('a slow query is logged with its text and request, and without its values', async () => {
    const admin = await app.admin();
    const many = 20_000;
    const id =
      app.dialect === 'postgres'
        ? `lpad(i::text, 32, '0')::uuid`
        : `printf('00000000-0000-0000-0000-%012d', i)`;
    const now = app.dialect === 'postgres' ? 'now()' : `'2026-01-01 00:00:00.000'`;
    const later = app.dialect === 'postgres' ? `now() + interval '1 day'` : `'2026-02-01 00:00:00.000'`;
    await app.sql(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${many})
       INSERT INTO clients (id, name, email, language, search_text, access_starts_at, access_ends_at, version, created_at, updated_at)
       SELECT ${id}, 'Many', 'many' || i || '@client.example', 'en', 'many ' || i, ${now}, ${later}, 1, ${now}, ${now} FROM n`,
    );
    const { version } = (await admin.get('/settings')).body.items.find(
      ({ key }: { key: string }) => key === 'log.slowQueryMs',
    );
    await admin.patch('/settings/log.slowQueryMs', { value: 1 }, { ifMatch: version });
    const secret = 'harbourlantern4711';
    const requestIds: unknown[] = [];
    const isOurs = (line: LogLine) =>
      line.msg === 'slow query' &&
      requestIds.includes(line.requestId) &&
      /^SELECT .* FROM "?clients"?/.test(String(line.statement));
    await until(async () => {
      const reply = await admin.get('/clients', { query: { search: secret } });
      expect(reply.status).toBe(200);
      requestIds.push(reply.headers['x-request-id']);
      await app.flushLogs();
      return app.logs.some(isOurs);
    }, 20_000);
    const lines = app.logs.filter(({ msg }) => msg === 'slow query');
    const line = lines.find(isOurs);
    expect(line).toMatchObject({ level: 'warn', context: 'SlowQuery', ms: expect.any(Number) });
    expect(line?.ms).toBeGreaterThan(1);
    for (const slow of lines) {
      expect(JSON.stringify(slow)).not.toContain(secret);
      expect(slow.statement).not.toMatch(/\n/);
    }
    expect((await scrape(app)).value('ecatalog_database_slow_queries_total')).toBeGreaterThan(0);
  });

  it('an event loop that stood still is logged', async () => {
    process.kill(app.pid!, 'SIGSTOP');
    await sleep(900);
    process.kill(app.pid!, 'SIGCONT');
    await until(() => app.logs.some(({ msg }) => msg === 'the event loop stood still'));
    const line = app.logs.find(({ msg }) => msg === 'the event loop stood still');
    expect(line).toMatchObject({ level: 'warn', context: 'EventLoop' });
    expect(line?.ms).toBeGreaterThanOrEqual(500);
  });
});
