import { answered, startApp, type Session, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';

const DAY = 86_400_000;
const UNKNOWN = '019a0000-0000-7000-8000-000000000000';

let app: TestApp;
let admin: Session;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
});

const days = (count: number, from: string | Date = new Date()) =>
  new Date(new Date(from).getTime() + count * DAY).toISOString();

type Body = Reply['body'];

const grants = async (clientId: string): Promise<Body[]> =>
  (await answered(200, admin.get(`/clients/${clientId}/demos`))).body.items;

const accessAt = async (clientId: string, at?: string): Promise<Body> =>
  (await answered(200, admin.get(`/clients/${clientId}/access`, { query: { at } }))).body;

async function audited(clientId: string): Promise<string[]> {
  const rows = await app.sql<{ action: string }>(
    `SELECT action FROM audit_log WHERE entity_type = 'grant' AND entity_id = ? ORDER BY seq`,
    [clientId],
  );
  return rows.map(({ action }) => action);
}

describe('granting a demo', () => {
  it('lets the client open it as long as its access, and says who allowed it', async () => {
    const [client, demo] = [await app.createClient(), await app.createDemo({ title: 'Sales dashboard' })];
    const reply = await admin.put(`/clients/${client.id}/demos/${demo.id}`);
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({
      demoId: demo.id,
      slug: demo.slug,
      title: 'Sales dashboard',
      demoStatus: 'published',
      startsAt: null,
      endsAt: null,
      grantedBy: { kind: 'user', id: admin.account.id, name: admin.account.name },
      grantedAt: expect.any(String),
    });
    expect(await grants(client.id)).toEqual([reply.body]);
    const session = await client.signIn();
    await answered(201, session.post(`/demos/${demo.id}/open`));
  });

  it('repeated changes nothing; another window takes its place', async () => {
    const [client, demo] = [await app.createClient(), await app.createDemo()];
    const path = `/clients/${client.id}/demos/${demo.id}`;
    const first = await answered(200, admin.put(path, {}));
    expect((await answered(200, admin.put(path, { startsAt: null }))).body).toEqual(first.body);
    expect(await audited(client.id)).toEqual(['grant.set']);

    const window = { startsAt: days(1), endsAt: days(2) };
    const second = await answered(200, admin.put(path, window));
    expect(second.body).toMatchObject(window);
    expect((await answered(200, admin.put(path, window))).body).toEqual(second.body);
    expect(await grants(client.id)).toEqual([second.body]);
    const third = await answered(200, admin.put(path, {}));
    expect(third.body).toMatchObject({ startsAt: null, endsAt: null });
    expect(await audited(client.id)).toEqual(['grant.set', 'grant.set', 'grant.set']);
  });

  it('twenty at once make one grant', async () => {
    const [client, demo] = [await app.createClient(), await app.createDemo()];
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => admin.put(`/clients/${client.id}/demos/${demo.id}`, {})),
    );
    expect(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(replies[0]?.status).toBe(200);
    expect(await audited(client.id)).toEqual(['grant.set']);
  });

  it('takes a draft beforehand, which cannot be opened yet', async () => {
    const client = await app.createClient();
    const demo = await app.createDemo({}, { publish: false });
    await app.grant(client.id, demo.id);
    expect((await accessAt(client.id)).demos).toMatchObject([{ demoId: demo.id, open: false }]);
    await answered(200, admin.post(`/demos/${demo.id}/publish`));
    expect((await accessAt(client.id)).demos).toMatchObject([{ demoId: demo.id, open: true }]);
  });

  it('is held within the client’s access; the ceiling does not bind it', async () => {
    const client = await app.createClient({ accessStartsAt: days(1), accessDays: 10 });
    const demo = await app.createDemo();
    const { accessStartsAt: starts, accessEndsAt: ends } = client.body;
    const put = (window: object) => admin.put(`/clients/${client.id}/demos/${demo.id}`, window);
    const before = new Date(Date.parse(starts) - 1).toISOString();
    const after = new Date(Date.parse(ends) + 1).toISOString();
    expectProblem(await put({ startsAt: before }), 400, 'validation', 'startsAt');
    expectProblem(await put({ startsAt: ends }), 400, 'validation', 'startsAt');
    expectProblem(await put({ endsAt: after }), 400, 'validation', 'endsAt');
    expectProblem(await put({ endsAt: starts }), 400, 'validation', 'endsAt');
    const third = days(3);
    expectProblem(await put({ startsAt: third, endsAt: third }), 400, 'validation', 'endsAt');
    expectProblem(await put({ startsAt: days(4), endsAt: days(3) }), 400, 'validation', 'endsAt');
    expect(await grants(client.id)).toEqual([]);
    await answered(200, put({ startsAt: starts, endsAt: ends }));
  });

  it.each([
    ['an instant without an offset', { startsAt: '2030-01-01T00:00:00' }, 'startsAt'],
    ['a number', { endsAt: 5 }, 'endsAt'],
    ['an unknown field', { demoId: UNKNOWN }, 'demoId'],
  ])('refuses %s', async (_, body, field) => {
    const [client, demo] = [await app.createClient(), await app.createDemo()];
    expectProblem(await admin.put(`/clients/${client.id}/demos/${demo.id}`, body), 400, 'validation', field);
  });

  it('refuses what is unknown or retired', async () => {
    const [client, demo] = [await app.createClient(), await app.createDemo()];
    expectProblem(await admin.put(`/clients/${client.id}/demos/${UNKNOWN}`, {}), 404, 'not-found');
    expectProblem(await admin.put(`/clients/${client.id}/demos/x`, {}), 404, 'not-found');
    expectProblem(await admin.put(`/clients/${UNKNOWN}/demos/${demo.id}`, {}), 404, 'not-found');
    expectProblem(await admin.get(`/clients/${UNKNOWN}/demos`), 404, 'not-found');
    await answered(204, admin.delete(`/demos/${demo.id}`, { ifMatch: '*' }));
    expectProblem(await admin.put(`/clients/${client.id}/demos/${demo.id}`, {}), 409, 'conflict');
  });
});

describe('taking a grant away', () => {
  it('ends what is open of it, and nothing else', async () => {
    const client = await app.createClient();
    const [demo, other] = [await app.createDemo(), await app.createDemo()];
    for (const { id } of [demo, other]) await app.grant(client.id, id);
    const session = await client.signIn();
    const opened = await answered(201, session.post(`/demos/${demo.id}/open`));
    const kept = await answered(201, session.post(`/demos/${other.id}/open`));

    const removed = await admin.delete(`/clients/${client.id}/demos/${demo.id}`);
    expect([removed.status, removed.text]).toEqual([204, '']);
    expect((await grants(client.id)).map(({ demoId }) => demoId)).toEqual([other.id]);
    const ended = await admin.get(`/demo-sessions/${opened.body.demoSessionId}`);
    expect(ended.body).toMatchObject({ endReason: 'grant-removed' });
    const alive = await admin.get(`/demo-sessions/${kept.body.demoSessionId}`);
    expect(alive.body).toMatchObject({ endedAt: null });
    expectProblem(await session.post(`/demos/${demo.id}/open`), 403, 'demo-not-granted');
    expectProblem(await admin.delete(`/clients/${client.id}/demos/${demo.id}`), 404, 'not-found');
    expect(await audited(client.id)).toEqual(['grant.set', 'grant.set', 'grant.removed']);
  });
});

describe('live demo sessions follow their client', () => {
  let client: Awaited<ReturnType<TestApp['createClient']>>;
  let demo: Body;
  let opened: Body;

  beforeEach(async () => {
    client = await app.createClient({ accessDays: 3 });
    demo = await app.createDemo();
    await app.grant(client.id, demo.id);
    const session = await client.signIn();
    opened = (await answered(201, session.post(`/demos/${demo.id}/open`))).body;
  });

  const demoSession = async (): Promise<Body> =>
    (await answered(200, admin.get(`/demo-sessions/${opened.demoSessionId}`))).body;

  it('revoked', async () => {
    const { body } = await answered(200, admin.post(`/clients/${client.id}/revoke`, { reason: 'Over' }));
    expect(await demoSession()).toMatchObject({ endReason: 'access-revoked', endedAt: body.revokedAt });
  });

  it('erased', async () => {
    await answered(204, admin.delete(`/clients/${client.id}`, { ifMatch: '*' }));
    expect(await demoSession()).toMatchObject({ endReason: 'client-erased' });
  });

  it('shortened, and renewed again', async () => {
    const longest = opened.expiresAt;
    const until = new Date(Date.now() + 120_000).toISOString();
    await answered(200, admin.post(`/clients/${client.id}/shorten`, { until }));
    expect(await demoSession()).toMatchObject({ expiresAt: until, endedAt: null });
    await answered(200, admin.post(`/clients/${client.id}/renew`, { days: 5 }));
    expect(await demoSession()).toMatchObject({ expiresAt: longest, endedAt: null });
  });

  it('given a narrower grant', async () => {
    const endsAt = new Date(Date.now() + 120_000).toISOString();
    await answered(200, admin.put(`/clients/${client.id}/demos/${demo.id}`, { endsAt }));
    expect(await demoSession()).toMatchObject({ expiresAt: endsAt, endedAt: null });
    await answered(200, admin.put(`/clients/${client.id}/demos/${demo.id}`, { startsAt: days(1) }));
    expect(await demoSession()).toMatchObject({ endReason: 'access-ended' });
  });

  it('revoked while twenty open: none is left live', async () => {
    const session = await client.signIn();
    const replies = await Promise.all([
      ...Array.from({ length: 10 }, () => session.post(`/demos/${demo.id}/open`)),
      admin.post(`/clients/${client.id}/revoke`, { reason: 'Over' }),
      ...Array.from({ length: 10 }, () => session.post(`/demos/${demo.id}/open`)),
    ]);
    expect(replies.filter(({ status }) => status >= 500)).toEqual([]);
    const { body } = await admin.get('/demo-sessions', { query: { clientId: client.id, live: true } });
    expect(body.items).toEqual([]);
  });
});

describe('access at an instant', () => {
  const start = '2030-05-01T00:00:00.000Z';
  let past: TestApp;

  beforeAll(async () => {
    past = await startApp({ at: start });
  });

  /** Moves the clock and calls as the administrator. */
  async function on(day: number, call: (session: Session) => Promise<Reply>): Promise<Body> {
    await past.clock.set(days(day, start));
    const reply = await call(await past.admin());
    if (reply.status >= 300) throw new Error(reply.text);
    return reply.body;
  }

  it('is told from history', async () => {
    const demo = await past.createDemo();
    const { id, body: created } = await past.createClient({ accessDays: 10 });
    const path = `/clients/${id}`;
    await on(1, (s) => s.put(`${path}/demos/${demo.id}`, {}));
    await on(2, (s) =>
      s.put(`${path}/demos/${demo.id}`, { startsAt: days(3, start), endsAt: days(4, start) }),
    );
    await on(5, (s) => s.put(`${path}/demos/${demo.id}`, {}));
    await on(6, (s) => s.post(`${path}/revoke`, { reason: 'Pause' }));
    await on(7, (s) => s.post(`${path}/reinstate`));
    await on(12, (s) => s.post(`${path}/renew`, { days: 10 }));
    await on(13, (s) => s.post(`/demos/${demo.id}/unpublish`));
    await on(14, (s) => s.post(`/demos/${demo.id}/publish`));
    await on(15, (s) => s.post(`${path}/shorten`, { until: days(16, start) }));
    await on(17, (s) => s.delete(`${path}/demos/${demo.id}`));
    await on(18, (s) => s.post(`${path}/renew`, { days: 10 }));

    const session = await past.admin();
    const millisecond = 1 / DAY;
    for (const [day, status, open] of [
      [-1, 'scheduled', undefined],
      [-millisecond, 'scheduled', undefined],
      [0, 'active', undefined],
      [1 - millisecond, 'active', undefined],
      [1, 'active', true],
      [2 - millisecond, 'active', true],
      [2, 'active', false],
      [3, 'active', true],
      [4 - millisecond, 'active', true],
      [4, 'active', false],
      [5, 'active', true],
      [6 - millisecond, 'active', true],
      [6, 'revoked', false],
      [7, 'active', true],
      [10 - millisecond, 'active', true],
      [10, 'expired', false],
      [12 - millisecond, 'expired', false],
      [12, 'active', true],
      [13, 'active', false],
      [14, 'active', true],
      [16 - millisecond, 'active', true],
      [16, 'expired', false],
      [17, 'expired', undefined],
      [18, 'active', undefined],
      [28 - millisecond, 'active', undefined],
      [28, 'expired', undefined],
    ] as const) {
      const at = days(day, start);
      const { body } = await session.get(`${path}/access`, { query: { at } });
      const found: (boolean | undefined)[] = body.demos.map((entry: { open: boolean }) => entry.open);
      expect([day, body.at, body.status, ...found]).toEqual([
        day,
        at,
        status,
        ...(open === undefined ? [] : [open]),
      ]);
    }
    const { body } = await session.get(`${path}/access`, { query: { at: '2030-05-04T02:00:00+02:00' } });
    expect(body).toEqual({
      at: days(3, start),
      status: 'active',
      demos: [
        {
          demoId: demo.id,
          open: true,
          grantedBy: { kind: 'user', id: session.account.id, name: session.account.name },
          grantedAt: days(2, start),
          startsAt: days(3, start),
          endsAt: days(4, start),
        },
      ],
    });
    expect(created.accessEndsAt).toBe(days(10, start));
  });

  it('is of now without an instant, and of an instant to come as things stand', async () => {
    const client = await app.createClient({ accessDays: 5 });
    const demo = await app.createDemo();
    await app.grant(client.id, demo.id);
    expect(await accessAt(client.id)).toMatchObject({ status: 'active', demos: [{ open: true }] });
    expect(await accessAt(client.id, days(4))).toMatchObject({ status: 'active', demos: [{ open: true }] });
    expect(await accessAt(client.id, days(6))).toMatchObject({ status: 'expired', demos: [{ open: false }] });
  });

  it.each(['yesterday', '2030-01-01', '2030-01-01T00:00:00', '2030-02-30T00:00:00Z', ''])(
    'refuses %j',
    async (at) => {
      const { id } = await app.createClient();
      expectProblem(await admin.get(`/clients/${id}/access`, { query: { at } }), 400, 'validation', 'at');
    },
  );

  it('refuses what it does not know', async () => {
    const { id } = await app.createClient();
    expectProblem(
      await admin.get(`/clients/${id}/access`, { query: { on: days(0) } }),
      400,
      'validation',
      'on',
    );
    expectProblem(await admin.get(`/clients/${UNKNOWN}/access`), 404, 'not-found');
    const twice = { at: [days(0), days(1)] };
    expectProblem(await admin.get(`/clients/${id}/access`, { query: twice }), 400, 'validation', 'at');
  });
});
