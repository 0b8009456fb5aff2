import { newId } from '../src/common/ids.js';
import { heldParts } from '../src/clients/client-export.queries.js';
import { startApp, type Account, type Session, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';

describe('the export of a person', () => {
  let app: TestApp;
  let admin: Session;
  let ana: Account;
  let bea: Account;
  let demo: Reply['body'];

  beforeAll(async () => {
    app = await startApp();
    admin = await app.admin();
    demo = await app.createDemo({ title: 'Sales' });
    ana = await app.createClient({ name: 'Ana', notes: 'Met in Porto' });
    bea = await app.createClient({ name: 'Bea' });
    for (const client of [ana, bea]) {
      await app.grant(client.id, demo.id);
      const session = await client.signIn();
      const { body } = await session.post(`/demos/${demo.id}/open`);
      await session.post(`/demo-sessions/${body.demoSessionId}/close`);
    }
    const at = app.dialect === 'sqlite' ? '2026-11-21 12:00:00.000' : '2026-11-21T12:00:00.000Z';
    const request = newId();
    await app.sql(
      `INSERT INTO requests (id, client_id, kind, status, message, version, created_at, updated_at)
       VALUES (?, ?, 'access', 'pending', 'Please', 1, ?, ?)`,
      [request, ana.id, at, at],
    );
    await app.sql('INSERT INTO request_items (request_id, demo_id) VALUES (?, ?)', [request, demo.id]);
    await app.sql('INSERT INTO basket_items (client_id, demo_id, added_at) VALUES (?, ?, ?)', [
      ana.id,
      demo.id,
      at,
    ]);
    await app.sql(
      `INSERT INTO notifications (id, client_id, kind, params, created_at) VALUES (?, ?, 'password-changed', '{"a":1}', ?)`,
      [newId(), ana.id, at],
    );
    await app.sql(
      `INSERT INTO mail_outbox (id, client_id, template, content, created_at, attempts) VALUES (?, ?, 'access-ended', 'sealed', ?, 0)`,
      [newId(), ana.id, at],
    );
    await admin.post(`/clients/${ana.id}/invitation`);
    await admin.delete(`/clients/${ana.id}/demos/${demo.id}`);
    // Names her within the entry of something else.
    await admin.delete(`/demos/${demo.id}`, { ifMatch: '*' });
  });

  it('holds every part of what is known', async () => {
    const { status, body } = await admin.get(`/clients/${ana.id}/export`);
    expect(status).toBe(200);
    expect(body.client).toEqual((await admin.get(`/clients/${ana.id}`)).body);
    expect(body).toMatchObject({
      credentials: [
        { emailKey: ana.email, hasPassword: true, passwordChangedAt: expect.stringMatching(/Z$/) },
      ],
      links: [{ purpose: 'invitation' }],
      sessions: [{ ip: '127.0.0.1', endedAt: null }],
      accessHistory: [{ revokedAt: null }],
      grants: [{ demoId: demo.id, title: 'Sales', removedAt: expect.stringMatching(/Z$/) }],
      basket: [{ demoId: demo.id, addedAt: '2026-11-21T12:00:00.000Z' }],
      requests: [{ kind: 'access', message: 'Please' }],
      requestItems: [{ demoId: demo.id, approved: null }],
      demoSessions: [{ demoId: demo.id, endReason: 'closed' }],
      usage: [{ kind: 'opened' }, { kind: 'ended', durationSeconds: expect.any(Number) }],
      usageByDay: [{ demoId: demo.id, opens: 1 }],
      notifications: [{ kind: 'password-changed', params: { a: 1 } }],
      mails: expect.arrayContaining([expect.objectContaining({ template: 'access-ended', sentAt: null })]),
    });
    expect(Object.keys(body).sort()).toEqual(
      ['exportedAt', 'client', 'demoSessions', 'audit', ...Object.keys(heldParts)].sort(),
    );
    const actions = body.audit.map(({ action }: { action: string }) => action);
    expect(actions).toEqual(
      expect.arrayContaining([
        'client.created',
        'grant.set',
        'auth.signed-in',
        'client.invited',
        'grant.removed',
      ]),
    );
    for (const other of [bea.id, bea.email, 'Bea', 'sealed', '$argon2'])
      expect(JSON.stringify({ ...body, audit: [] })).not.toContain(other);
  });

  it('knows every table that has a client in it', async () => {
    const tables = await app.sql<{ name: string }>(
      app.dialect === 'sqlite'
        ? `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'client_id' WHERE m.type = 'table'`
        : `SELECT table_name AS name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
           WHERE column_name = 'client_id' AND table_schema = 'public' AND table_type = 'BASE TABLE'`,
    );
    const read = Object.values(heldParts)
      .map(({ sql }) => sql)
      .join('\n');
    // Sums of usage_daily, and what the services read.
    const elsewhere = [
      'usage_daily_clients',
      'usage_client_totals',
      'usage_client_balances',
      'usage_client_buckets',
      'demo_sessions',
    ];
    const forgotten = tables.filter(({ name }) => !elsewhere.includes(name) && !read.includes(`"${name}"`));
    expect(tables.length).toBeGreaterThan(8);
    expect(forgotten).toEqual([]);
  });

  it('finds entries that name the client within', async () => {
    const run = newId();
    const email = `${run}@example.com`;
    const csv = `name,email\nCid,${run}-2@example.com\nDora,${email}\n`;
    await admin.post('/clients/import', csv, { headers: { 'content-type': 'text/csv' } });
    const { id } = (await admin.get('/clients', { query: { search: email } })).body.items[0];
    const { audit } = (await admin.get(`/clients/${id}/export`)).body;
    expect(audit.map(({ action }: { action: string }) => action)).toEqual(['client.imported']);
  });

  it('is for administrators alone, and of clients that are there', async () => {
    const viewer = await (await app.createUser()).signIn();
    expectProblem(await viewer.get(`/clients/${ana.id}/export`), 403, 'forbidden');
    expectProblem(await (await ana.signIn()).get(`/clients/${ana.id}/export`), 403, 'forbidden');
    expectProblem(await app.get(`/clients/${ana.id}/export`), 401, 'unauthenticated');
    expectProblem(await admin.get(`/clients/${newId()}/export`), 404, 'not-found');
    expectProblem(await admin.get('/clients/nobody/export'), 404, 'not-found');
    expectProblem(await admin.get(`/clients/${ana.id}/export?format=xml`), 400, 'validation', 'format');
    await admin.delete(`/clients/${ana.id}`, { ifMatch: '*' });
    expectProblem(await admin.get(`/clients/${ana.id}/export`), 404, 'not-found');
  });
});
