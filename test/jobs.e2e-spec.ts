import pg from 'pg';
import { newId } from '../src/common/ids.js';
import { startApp, type TestApp, until } from './support/app.js';
import { clientInput, newPassword } from './support/inputs.js';
import { expectProblem } from './support/http.js';
import { startMailServer } from './support/mail-server.js';
import { scrape } from './support/metrics.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NAMES = ['demo-sessions', 'reminders', 'outbox', 'retention', 'rollup-check', 'encryption'];

interface Entry {
  action: string;
  actor: { kind: string };
  entityId: string;
  before: Record<string, unknown>;
  after: Record<string, unknown>;
}

/** Runs a job in the server itself, whose clock the suite sets: it is due as soon as its plan is taken away. */
async function run(app: TestApp, name: string, timeoutMs?: number): Promise<string> {
  await app.sql('UPDATE jobs SET last_run_at = NULL, next_run_at = NULL WHERE name = ?', [name]);
  let result = '';
  await until(async () => {
    const [row] = await app.sql<{ last_run_at: unknown; last_result: string }>(
      'SELECT last_run_at, last_result FROM jobs WHERE name = ?',
      [name],
    );
    result = row?.last_result ?? '';
    return row !== undefined && row.last_run_at !== null;
  }, timeoutMs);
  return result;
}

async function entries(app: TestApp, action: string): Promise<Entry[]> {
  const admin = await app.admin();
  return (await admin.get('/audit', { query: { action, limit: 100 } })).body.items;
}

const ticking = { JOBS_TICK_MS: '100' };

describe('the jobs', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ env: ticking });
  });
  beforeEach(() => app.clock.reset());

  it('are all done, and seen by administrators and viewers', async () => {
    const admin = await app.admin();
    const list = async () => (await admin.get('/settings/jobs')).body.items;
    await until(async () =>
      (await list()).every(({ lastRunAt }: { lastRunAt: unknown }) => lastRunAt !== null),
    );
    const items = await list();
    expect(items.map(({ name }: { name: string }) => name)).toEqual(NAMES);
    for (const item of items) {
      expect(item).toEqual({
        name: expect.any(String),
        lastRunAt: expect.stringMatching(/Z$/),
        result: expect.any(String),
        nextRunAt: expect.stringMatching(/Z$/),
      });
      expect(Date.parse(item.nextRunAt)).toBeGreaterThan(Date.parse(item.lastRunAt));
    }
    const viewer = await (await app.createUser({ role: 'viewer' })).signIn();
    expect((await viewer.get('/settings/jobs')).status).toBe(200);
    const client = await (await app.createClient()).signIn();
    expectProblem(await client.get('/settings/jobs'), 403, 'forbidden');
  });

  it.each(NAMES)('%s is run by hand, again and again', async (name) => {
    for (let count = 0; count < 2; count += 1) {
      const { code, json } = await app.cli(['--json', 'jobs', 'run', name]);
      expect({ code, json }).toEqual({ code: 0, json: { name, result: expect.any(String) } });
    }
  });

  it('a name that is none is misuse, and the names are told', async () => {
    const { code, stderr } = await app.cli(['jobs', 'run', 'nonsense']);
    expect(code).toBe(2);
    for (const name of NAMES) expect(stderr).toContain(name);
  });

  it('leave no audit entry when they change nothing', async () => {
    const admin = await app.admin();
    for (const name of NAMES) await run(app, name);
    const newest = async () => (await admin.get('/audit', { query: { limit: 1 } })).body.items[0].id;
    const before = await newest();
    for (const name of NAMES) await run(app, name);
    expect(await newest()).toBe(before);
  });

  it('a lease of a process that died is waited for, and over by the clock', async () => {
    const instant = await app.clock.now();
    await app.clock.set(instant);
    await run(app, 'reminders');
    const until60 = new Date(instant.getTime() + 60_000).toISOString();
    const stored = app.dialect === 'sqlite' ? until60.slice(0, -1).replace('T', ' ') : until60;
    await app.sql(
      `UPDATE jobs SET leased_by = 'dead', leased_until = ?, last_run_at = NULL, next_run_at = NULL WHERE name = 'reminders'`,
      [stored],
    );
    const lastRun = async () => {
      const [row] = await app.sql<{ last_run_at: unknown }>(
        `SELECT last_run_at FROM jobs WHERE name = 'reminders'`,
      );
      return row!.last_run_at;
    };
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await lastRun()).toBeNull();
    await app.clock.advance(60_000);
    await until(async () => (await lastRun()) !== null);
  });

  it('go on when the clock is put back', async () => {
    await app.clock.advance(40 * DAY);
    await run(app, 'reminders');
    await app.clock.reset();
    const planned = async () => {
      const admin = await app.admin();
      const { items } = (await admin.get('/settings/jobs')).body;
      return Date.parse(items.find(({ name }: { name: string }) => name === 'reminders').nextRunAt);
    };
    await until(async () => (await planned()) < Date.now() + DAY);
  });
});

describe('demo-sessions', () => {
  it('writes down what the clock has ended, with one entry of the system', async () => {
    const app = await startApp({ env: ticking });
    const client = await app.createClient();
    const demos = [await app.createDemo(), await app.createDemo()];
    const session = await client.signIn();
    for (const { id } of demos) {
      await app.grant(client.id, id);
      expect((await session.post(`/demos/${id}/open`)).status).toBe(201);
    }
    await app.clock.advance(HOUR);
    expect(await run(app, 'demo-sessions')).toMatch(/^(2|no) demo sessions ended$/);
    const ended = await entries(app, 'demo-session.ended');
    expect(ended).toHaveLength(1);
    expect(ended[0]!.actor).toEqual({ kind: 'system', id: null });
    expect(ended[0]!.after).toMatchObject({ endReason: 'not-activated' });
    expect(ended[0]!.after.also).toHaveLength(1);
  });
});

describe('reminders', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ env: { ...ticking, JOBS_TICK_MS: '200' } });
  });

  it('go out once each, N days before the end and after it', async () => {
    const start = Date.now();
    const at = (offset: number) => app.clock.set(new Date(start + offset));
    await at(0);
    const client = await app.createClient({ accessDays: 30, language: 'en' });
    const revoked = await app.createClient({ accessDays: 30 });
    const later = await app.createClient({ accessDays: 60 });
    await (await app.admin()).post(`/clients/${revoked.id}/revoke`, { reason: 'Contract over' });
    const told = async (id = client.id) =>
      (
        await app.sql<{ kind: string }>('SELECT kind FROM notifications WHERE client_id = ? ORDER BY id', [
          id,
        ])
      ).map(({ kind }) => kind);
    await run(app, 'reminders');
    expect(await told()).toEqual([]);

    await at(23 * DAY);
    for (let count = 0; count < 3; count += 1) await run(app, 'reminders');
    expect(await told()).toEqual(['access-ending']);
    await at(28 * DAY);
    await run(app, 'reminders');
    expect(await told()).toEqual(['access-ending']);
    await at(29 * DAY);
    for (let count = 0; count < 3; count += 1) await run(app, 'reminders');
    expect(await told()).toEqual(['access-ending', 'access-ending']);
    await at(30 * DAY);
    for (let count = 0; count < 3; count += 1) await run(app, 'reminders');
    const all = ['access-ending', 'access-ending', 'access-ended'];
    expect(await told()).toEqual(all);
    expect(await told(revoked.id)).toEqual([]);
    expect(await told(later.id)).toEqual([]);

    const session = await client.signIn();
    expect(session.account.access.status).toBe('expired');
    const { items } = (await session.get('/notifications')).body;
    expect(items.map(({ title }: { title: string }) => title)).toEqual([
      'Your access has ended',
      'Your access ends within a day',
      'Your access ends in 7 days',
    ]);

    // A renewal is a new end, of which is told anew.
    const admin = await app.admin();
    expect((await admin.post(`/clients/${client.id}/renew`, { days: 5 })).status).toBe(200);
    for (let count = 0; count < 2; count += 1) await run(app, 'reminders');
    expect(await told()).toEqual([...all, 'access-ending']);
    const reminded = await entries(app, 'client.reminded');
    expect(reminded.map(({ entityId }) => entityId)).toEqual(Array.from({ length: 4 }, () => client.id));
    expect(reminded[0]!.actor.kind).toBe('system');
  });

  it('are of the setting, and late ones are not repeated', async () => {
    const admin = await app.admin();
    await admin.patch('/settings/reminder.daysBefore', { value: [14, 3, 2] }, { ifMatch: 1 });
    const client = await app.createClient({ accessDays: 2 });
    await run(app, 'reminders');
    const session = await client.signIn();
    const { items } = (await session.get('/notifications')).body;
    expect(items.map(({ title }: { title: string }) => title)).toEqual(['Your access ends in 2 days']);
  });
});

describe('retention', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ env: ticking });
  });

  it('removes old usage events, and the rollups stay', async () => {
    const client = await app.createClient({ accessDays: 200 });
    const demo = await app.createDemo();
    await app.grant(client.id, demo.id);
    const begun = Date.now();
    for (const days of [0, 20, 50]) {
      await app.clock.set(new Date(begun + days * DAY));
      const session = await client.signIn();
      const { body } = await session.post(`/demos/${demo.id}/open`);
      await session.post(`/demo-sessions/${body.demoSessionId}/close`);
    }
    const opens = async () => {
      const query = {
        from: new Date(begun - DAY).toISOString(),
        to: new Date(begun + 60 * DAY).toISOString(),
      };
      return (await (await app.admin()).get('/analytics/overview', { query })).body.opens;
    };
    const events = () => app.sql('SELECT id FROM usage_analytics');
    await run(app, 'retention');
    expect(await events()).toHaveLength(6);
    await (await app.admin()).patch('/settings/retention.usageEventDays', { value: 25 }, { ifMatch: 1 });
    await run(app, 'retention');
    expect(await events()).toHaveLength(2);
    expect(await opens()).toBe(3);
    const removed = await entries(app, 'usage.removed');
    expect(removed.map(({ before }) => before)).toEqual([{ events: 2 }, { events: 2 }]);

    // Days whose events are gone are not recounted: their rollups are all there is.
    await app.clock.set(new Date(begun + 20 * DAY));
    expect(await run(app, 'rollup-check')).toBe('no days counted, all right');
    expect(await opens()).toBe(3);
    await app.clock.reset();
  });

  it('removes ended sessions, counters and dead tokens', async () => {
    await app.createClient();
    await (
      await app.admin()
    ).post('/clients', clientInput({ password: undefined }), { idempotencyKey: 'k-1' });
    await app.post('/auth/login', { email: 'nobody@example.com', password: newPassword() });
    await app.clock.advance(300 * DAY);
    const admin = await app.admin();
    await run(app, 'retention');
    for (const table of ['sign_in_failures', 'account_tokens', 'idempotency_keys'])
      expect(await app.sql(`SELECT 1 AS one FROM ${table}`)).toEqual([]);
    expect(await app.sql('SELECT id FROM sessions')).toHaveLength(1);
    expect((await admin.get('/auth/me')).status).toBe(200);
    const [applied] = await entries(app, 'retention.applied');
    expect(applied).toMatchObject({
      actor: { kind: 'system' },
      entityId: 'retention',
      before: { signInFailures: 1 },
    });
    await app.clock.reset();
  });
});

describe('rollup-check', () => {
  it('finds what differs from the events, repairs it and reports', async () => {
    const app = await startApp({ env: ticking });
    const demos = [await app.createDemo(), await app.createDemo()];
    for (let count = 0; count < 2; count += 1) {
      const client = await app.createClient();
      const session = await client.signIn();
      for (const { id } of demos) {
        await app.grant(client.id, id);
        const { body } = await session.post(`/demos/${id}/open`);
        await app.clock.advance(60_000);
        if (count === 0) await session.post(`/demo-sessions/${body.demoSessionId}/close`);
      }
    }
    const rollups = async () => [
      await app.sql('SELECT * FROM usage_daily ORDER BY day, demo_id, client_id'),
      await app.sql('SELECT * FROM usage_daily_clients ORDER BY day, client_id'),
      await app.sql('SELECT * FROM usage_daily_totals ORDER BY day'),
      await app.sql('SELECT * FROM usage_demo_totals ORDER BY demo_id'),
      await app.sql('SELECT * FROM usage_demo_balances ORDER BY demo_id, day'),
      await app.sql('SELECT * FROM usage_client_totals ORDER BY client_id'),
      await app.sql('SELECT * FROM usage_client_balances ORDER BY client_id, day'),
      await app.sql('SELECT * FROM usage_client_buckets ORDER BY bucket, start, client_id'),
    ];
    expect(await run(app, 'rollup-check')).toMatch(/^\d days? counted, all right$/);
    const right = await rollups();
    await app.sql('UPDATE usage_daily SET opens = opens + 5');
    await app.sql('DELETE FROM usage_daily_clients');
    await app.sql('UPDATE usage_daily_totals SET duration_seconds = 1');
    expect(await run(app, 'rollup-check')).toMatch(/counted, repaired: \d{4}-\d\d-\d\d/);
    expect(await rollups()).toEqual(right);
    // As an earlier release leaves the running sums, which does not know them.
    await app.sql('UPDATE usage_demo_totals SET opens = opens - 1');
    await app.sql('DELETE FROM usage_client_totals');
    await app.sql('DELETE FROM usage_client_balances');
    expect(await run(app, 'rollup-check')).toMatch(/counted, repaired: \d{4}-\d\d-\d\d/);
    expect(await rollups()).toEqual(right);
    await app.sql('DELETE FROM usage_client_buckets');
    await app.sql('UPDATE usage_demo_balances SET last_clients = 0');
    expect(await run(app, 'rollup-check')).toMatch(/counted, repaired: \d{4}-\d\d-\d\d/);
    expect(await rollups()).toEqual(right);
    const repaired = await entries(app, 'usage.repaired');
    expect(repaired.length).toBeGreaterThanOrEqual(1);
    expect(repaired[0]!.actor.kind).toBe('system');
    expect(await run(app, 'rollup-check')).toMatch(/all right$/);
  });

  it('sees at once what an earlier release wrote without running sums, of whatever day', async () => {
    const before = await startApp();
    const demo = await before.createDemo();
    const client = await before.createClient();
    await before.grant(client.id, demo.id);
    const session = await client.signIn();
    expect((await session.post(`/demos/${demo.id}/open`)).status).toBe(201);
    const sums = async () => [
      await before.sql('SELECT * FROM usage_demo_totals ORDER BY demo_id'),
      await before.sql('SELECT * FROM usage_demo_balances ORDER BY demo_id, day'),
      await before.sql('SELECT * FROM usage_client_totals ORDER BY client_id'),
      await before.sql('SELECT * FROM usage_client_balances ORDER BY client_id, day'),
    ];
    // Not due for hours, and of a day whose events are no longer counted.
    const later = new Date(Date.now() + 3 * HOUR).toISOString().replace('T', ' ').replace('Z', '');
    expect((await before.cli(['jobs', 'run', 'rollup-check'])).code).toBe(0);
    await before.sql(`UPDATE jobs SET next_run_at = ?, last_result = 'none yet'`, [later]);
    for (const table of ['usage_daily', 'usage_daily_clients', 'usage_daily_totals'])
      await before.sql(`UPDATE ${table} SET day = '2024-02-29'`);
    await before.sql('DELETE FROM usage_analytics');
    await before.sql(`UPDATE usage_demo_balances SET day = '2024-02-29'`);
    await before.sql(`UPDATE usage_client_balances SET day = '2024-02-29'`);
    const right = await sums();
    await before.sql('UPDATE usage_demo_totals SET opens = opens - 1');
    await before.sql('DELETE FROM usage_client_balances');
    await before.sql('DELETE FROM usage_client_totals');
    expect(await before.stop()).toBe(0);
    const app = await startApp({ database: before.database, env: { ...before.env, ...ticking } });
    const state = async () => (await before.sql(`SELECT * FROM jobs WHERE name = 'rollup-check'`))[0]!;
    await until(async () => (await state()).last_result !== 'none yet');
    expect((await state()).last_result).toBe('no days counted, repaired: 2024-02-29');
    expect(await sums()).toEqual(right);
    // What can't be made right is tried once, and is no reason to go on for ever.
    await before.sql('UPDATE usage_daily_totals SET opens = opens + 1');
    await app.clock.advance(60_000);
    await until(async () => (await state()).last_result === 'no days counted, all right');
    const last = await state();
    await app.clock.advance(60_000);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await state()).toEqual(last);
  });

  it('that fails says why: in the log, to who runs it, in its row and in the metrics', async () => {
    const env = { ...ticking, DATABASE_STATEMENT_TIMEOUT_MS: '1500' };
    const app = await startApp({ env });
    await run(app, 'rollup-check');
    if (app.dialect === 'sqlite') await app.sql('ALTER TABLE usage_daily_totals RENAME TO elsewhere');
    const holder = new pg.Client({ connectionString: app.database.url });
    if (app.dialect === 'postgres') {
      // What waits ends by the time-out of statements, as what takes too long by itself.
      await holder.connect();
      await holder.query('BEGIN; LOCK TABLE usage_daily_totals');
    }
    const why = app.dialect === 'sqlite' ? 'no such table' : 'canceling statement due to';
    try {
      expect(await run(app, 'rollup-check', 30_000)).toBe('Failed; the log says why.');
      await app.flushLogs();
      expect(app.logs).toContainEqual(
        expect.objectContaining({
          level: 'error',
          msg: expect.stringMatching(new RegExp(`^rollup-check failed: .*${why}`)),
        }),
      );
      const failures = { name: 'rollup-check', result: 'failed' };
      expect((await scrape(app)).value('ecatalog_job_runs_total', failures)).toBe(1);
      const { code, stderr } = await app.cli(['jobs', 'run', 'rollup-check']);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(why) });
    } finally {
      if (app.dialect === 'postgres') await holder.end();
    }
  });

  it('repairs a day of more demos and clients than one statement takes, without statistics', async () => {
    const app = await startApp({ env: ticking });
    if (app.dialect === 'postgres')
      for (const { name } of await app.sql<{ name: string }>(
        `SELECT relname AS name FROM pg_class WHERE relname LIKE 'usage\\_%' AND relkind = 'r'`,
      ))
        await app.sql(`ALTER TABLE ${name} SET (autovacuum_enabled = false)`);
    const admin = await app.admin();
    const headers = { 'content-type': 'text/csv' };
    const all = (count: number, row: (i: number) => string) =>
      Array.from({ length: count }, (_, i) => row(i));
    const clients = ['name,email', ...all(105, (i) => `Client ${i},many-${i}@example.com`)].join('\n');
    expect((await admin.post('/clients/import', clients, { headers })).status).toBe(200);
    const launch = `"{""kind"":""link"",""url"":""https://demo.example.com""}"`;
    const demos = ['title,summary,category,launch', ...all(105, (i) => `Demo ${i},S,c,${launch}`)].join('\n');
    expect((await admin.post('/demos/import', demos, { headers })).status).toBe(200);
    const idsOf = async (table: string) =>
      (await app.sql<{ id: string }>(`SELECT id FROM ${table} ORDER BY id`)).map(({ id }) => id);
    const [clientIds, demoIds] = [await idsOf('clients'), await idsOf('demos')];
    const at = new Date().toISOString().replace('T', ' ').replace('Z', '');
    for (const clientId of clientIds) {
      const rows = demoIds.flatMap((demoId) => [newId(), newId(), clientId, demoId, at]);
      await app.sql(
        `INSERT INTO usage_analytics (id, demo_session_id, client_id, demo_id, kind, at)
         VALUES ${demoIds.map(() => `(?, ?, ?, ?, 'opened', ?)`).join()}`,
        rows,
      );
    }
    expect(await run(app, 'rollup-check', 60_000)).toMatch(/counted, repaired: \d{4}-\d\d-\d\d$/);
    expect(await app.sql('SELECT 1 AS one FROM usage_daily')).toHaveLength(105 * 105);
  });
});

describe('two replicas', () => {
  it('do each job once and send each mail once', async () => {
    const server = await startMailServer();
    const env = { JOBS_TICK_MS: '50', SMTP_URL: server.url, LOG_LEVEL: 'debug' };
    const one = await startApp({ env });
    if (one.dialect === 'sqlite') return; // One process has the file.
    const two = await startApp({ database: one.database, env: { ...one.env } });
    const admin = await one.admin();
    const inputs = Array.from({ length: 30 }, () => clientInput({ password: undefined, accessDays: 5 }));
    await Promise.all(inputs.map((input) => admin.post('/clients', input)));
    await until(() => server.mails.length >= 30);
    const told = async () => (await one.sql('SELECT id FROM notifications')).length;
    await one.sql(`UPDATE jobs SET next_run_at = NULL WHERE name = 'reminders'`);
    await until(async () => (await told()) === 30);
    await until(() => server.mails.length >= 60);
    // Whatever was to come twice would have come by now.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(server.mails).toHaveLength(60);
    expect(await told()).toBe(30);
    const ran = (app: TestApp, name: string) =>
      app.logs.filter(({ msg }) => msg?.startsWith(`${name}: `)).length;
    // Due at the start, and each six hours then.
    for (const name of ['retention', 'rollup-check']) expect(ran(one, name) + ran(two, name)).toBe(1);
    const client = await one.createClient();
    expect(client.id).toEqual(expect.any(String));
  });
});
