import { answered, startApp, type Account, type Session, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';
import { imageInput } from './support/inputs.js';

const UNKNOWN = '019a0000-0000-7000-8000-000000000000';
const T0 = '2027-03-01T12:00:00.000Z';
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 1440 * MINUTE;

let app: TestApp;
let admin: Session;

beforeAll(async () => {
  app = await startApp();
});
beforeEach(async () => {
  await app.clock.reset();
  admin = await app.admin();
});

/** The instant so many minutes from T0. */
const at = (minutes: number) => new Date(new Date(T0).getTime() + minutes * MINUTE).toISOString();

interface Granted {
  account: Account;
  client: Session;
  demo: Reply['body'];
}

/** A client, signed in, with a demo that it may open. */
async function granted(fields: Record<string, unknown> = {}, clientFields = {}): Promise<Granted> {
  const [demo, account] = await Promise.all([app.createDemo(fields), app.createClient(clientFields)]);
  await app.grant(account.id, demo.id);
  return { account, demo, client: await account.signIn() };
}

const open = (client: Session, demoId: string) => client.post(`/demos/${demoId}/open`);
const opened = async ({ client, demo }: Granted): Promise<Reply['body']> =>
  (await answered(201, open(client, demo.id))).body;
const read = async (id: string) => (await answered(200, admin.get(`/demo-sessions/${id}`))).body;
const heartbeat = (client: Session, id: string) => client.post(`/demo-sessions/${id}/heartbeat`);

async function setting(key: string, value: unknown): Promise<void> {
  const rows = (await answered(200, admin.get('/settings'))).body.items as { key: string; version: number }[];
  const ifMatch = rows.find((row) => row.key === key)!.version;
  await answered(200, admin.patch(`/settings/${key}`, { value }, { ifMatch }));
}

const actionsOf = async (entityId: string) =>
  (
    await app.sql<{ action: string }>('SELECT action FROM audit_log WHERE entity_id = ? ORDER BY seq', [
      entityId,
    ])
  ).map(({ action }) => action);
const eventsOf = (sessionId: string) =>
  app.sql<{ kind: string; duration_seconds: number | null }>(
    'SELECT kind, duration_seconds FROM usage_analytics WHERE demo_session_id = ? ORDER BY at, id',
    [sessionId],
  );

describe('opening a demo', () => {
  it('answers 201 with the session, the address and a launch token', async () => {
    const it = await granted();
    const reply = await open(it.client, it.demo.id);
    expect(reply.status).toBe(201);
    const { demoSessionId, openedAt } = reply.body as Record<string, string>;
    expect(reply.headers.location).toBe(`/api/v1/demo-sessions/${demoSessionId}`);
    expect(reply.body).toEqual({
      demoSessionId: expect.stringMatching(/^[\da-f-]{36}$/),
      status: 'ready',
      url: it.demo.launch.url,
      launchToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      openedAt: expect.any(String),
      expiresAt: new Date(new Date(openedAt!).getTime() + 480 * MINUTE).toISOString(),
    });
    const session = await it.client.get(`/demo-sessions/${demoSessionId}`);
    expect(session.body).toEqual({
      id: demoSessionId,
      demoId: it.demo.id,
      clientId: it.account.id,
      openedAt,
      expiresAt: reply.body.expiresAt,
      endedAt: null,
      endReason: null,
      durationSeconds: null,
    });
    expect(await actionsOf(demoSessionId!)).toEqual(['demo-session.opened']);
    expect(await eventsOf(demoSessionId!)).toEqual([{ kind: 'opened', duration_seconds: null }]);
  });

  it('again while it is live answers 200 with the same session and a fresh token, and writes nothing', async () => {
    const it = await granted();
    const first = await opened(it);
    await app.clock.advance(2 * SECOND);
    const again = await open(it.client, it.demo.id);
    expect(again.status).toBe(200);
    expect(again.body).toEqual({ ...first, launchToken: expect.any(String) });
    expect(again.body.launchToken).not.toBe(first.launchToken);
    expect(await actionsOf(first.demoSessionId)).toEqual(['demo-session.opened']);
  });

  it('gives a launch token that is no bearer token', async () => {
    const it = await granted();
    const { launchToken } = await opened(it);
    for (const path of ['/auth/me', '/demos', '/demo-sessions']) {
      expectProblem(await app.get(path, { token: launchToken as string }), 401, 'unauthenticated');
    }
    expectProblem(
      await app.post('/auth/refresh', { refreshToken: launchToken as string }),
      401,
      'unauthenticated',
    );
  });

  it('of a draft, retired or unknown demo is 404, without a grant or outside its window 403', async () => {
    const account = await app.createClient();
    const client = await account.signIn();
    const draft = await app.createDemo({}, { publish: false });
    const retired = await app.createDemo();
    const other = await app.createDemo();
    for (const { id } of [draft, retired]) await app.grant(account.id, id);
    await answered(204, admin.delete(`/demos/${retired.id}`, { ifMatch: '*' }));
    for (const id of [draft.id, retired.id, UNKNOWN, 'nonsense', other.slug]) {
      expectProblem(await open(client, id), 404, 'not-found');
    }
    expectProblem(await open(client, other.id), 403, 'demo-not-granted');

    const start = Date.now() + 60 * MINUTE;
    const startsAt = new Date(start).toISOString();
    const endsAt = new Date(start + MINUTE).toISOString();
    await app.grant(account.id, other.id, { startsAt, endsAt });
    await app.clock.set(new Date(start - 1));
    const late = await account.signIn();
    expectProblem(await open(late, other.id), 403, 'demo-not-granted');
    await app.clock.set(startsAt);
    expect((await answered(201, open(late, other.id))).body.expiresAt).toBe(endsAt);
    await app.clock.set(endsAt);
    expectProblem(await open(late, other.id), 403, 'demo-not-granted');
    expect(await app.sql('SELECT 1 FROM demo_sessions WHERE client_id = ?', [account.id])).toHaveLength(1);
  });

  it('is for clients, to the millisecond of their access', async () => {
    const it = await granted();
    const viewer = await (await app.createUser()).signIn();
    for (const who of [admin, viewer]) {
      for (const id of [it.demo.id, UNKNOWN]) expectProblem(await open(who, id), 403, 'forbidden');
    }
    expectProblem(await app.post(`/demos/${it.demo.id}/open`), 401, 'unauthenticated');
    const ends = new Date(it.account.body.accessEndsAt as string);
    await app.clock.set(new Date(ends.getTime() - 1));
    const client = await it.account.signIn();
    expect((await answered(201, open(client, it.demo.id))).body.expiresAt).toBe(ends.toISOString());
    await app.clock.set(ends);
    expectProblem(await open(client, it.demo.id), 403, 'access-expired');
  });

  it('twenty times at once makes one session', async () => {
    const it = await granted();
    const replies = await Promise.all(Array.from({ length: 20 }, () => open(it.client, it.demo.id)));
    expect(replies.map(({ status }) => status).sort()).toEqual([...Array<number>(19).fill(200), 201]);
    expect(new Set(replies.map(({ body }) => body.demoSessionId as string)).size).toBe(1);
    const [daily] = await app.sql<{ opens: number }>('SELECT opens FROM usage_daily WHERE client_id = ?', [
      it.account.id,
    ]);
    expect(daily).toEqual({ opens: 1 });
  });

  it('holds the caps, also of parallel openings, and has room again when one closes', async () => {
    const account = await app.createClient();
    const client = await account.signIn();
    const demos = await Promise.all(Array.from({ length: 12 }, () => app.createDemo()));
    for (const { id } of demos) await app.grant(account.id, id);
    const replies = await Promise.all(demos.map(({ id }) => open(client, id)));
    expect(replies.map(({ status }) => status).sort()).toEqual([
      ...Array<number>(5).fill(201),
      ...Array<number>(7).fill(429),
    ]);
    const refused = replies.findIndex(({ status }) => status === 429);
    expectProblem(replies[refused]!, 429, 'too-many-requests');
    expect(Number(replies[refused]!.headers['retry-after'])).toBeGreaterThan(0);
    const live = replies.find(({ status }) => status === 201)!;
    await answered(200, client.post(`/demo-sessions/${live.body.demoSessionId}/close`));
    await answered(201, open(client, demos[refused]!.id));

    const [popular, one, two] = [await app.createDemo(), await app.createClient(), await app.createClient()];
    for (const { id } of [one, two]) await app.grant(id, popular.id);
    const [first, second] = [await one.signIn(), await two.signIn()];
    await setting('demoSession.maxLivePerDemo', 1);
    const both = await Promise.all([first, second].map((who) => open(who, popular.id)));
    expect(both.map(({ status }) => status).sort()).toEqual([201, 429]);
    await setting('demoSession.maxLivePerDemo', 50);
    await setting('demoSession.maxLive', 1);
    expectProblem(await open(both[0]!.status === 429 ? first : second, popular.id), 429, 'too-many-requests');
    await setting('demoSession.maxLive', 500);
  });

  it('racing a revocation leaves nothing open', async () => {
    for (let round = 0; round < 5; round += 1) {
      const account = await app.createClient();
      const client = await account.signIn();
      const demos = await Promise.all(Array.from({ length: 4 }, () => app.createDemo()));
      for (const { id } of demos) await app.grant(account.id, id);
      const [revoked, ...replies] = await Promise.all([
        admin.post(`/clients/${account.id}/revoke`, { reason: 'Over' }),
        ...demos.map(({ id }) => open(client, id)),
      ]);
      expect(revoked.status).toBe(200);
      for (const { status } of replies) expect([201, 401]).toContain(status);
      const left = await app.sql('SELECT id FROM demo_sessions WHERE client_id = ? AND ended_at IS NULL', [
        account.id,
      ]);
      expect(left).toEqual([]);
    }
  });

  it('racing a revocation, activating and closing do not deadlock with it', async () => {
    for (let round = 0; round < 10; round += 1) {
      const it = await granted();
      const { demoSessionId: id } = await opened(it);
      const [revoked, ...replies] = await Promise.all([
        admin.post(`/clients/${it.account.id}/revoke`, { reason: 'Over' }),
        heartbeat(it.client, id),
        it.client.post(`/demo-sessions/${id}/close`),
      ]);
      expect(revoked.status).toBe(200);
      for (const { status } of replies) expect([200, 204, 401, 409]).toContain(status);
    }
    if (app.dialect === 'sqlite') return;
    const [counted] = await app.sql<{ deadlocks: string }>(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    expect(Number(counted?.deadlocks)).toBe(0);
  });

  it('racing the removal of the grant or the demo leaves nothing open', async () => {
    for (let round = 0; round < 4; round += 1) {
      const it = await granted();
      const ending =
        round % 2 === 0
          ? admin.delete(`/clients/${it.account.id}/demos/${it.demo.id}`)
          : admin.delete(`/demos/${it.demo.id}`, { ifMatch: '*' });
      const [removed, reply] = await Promise.all([ending, open(it.client, it.demo.id)]);
      expect(removed.status).toBe(204);
      expect([201, 403, 404]).toContain(reply.status);
      const left = await app.sql('SELECT id FROM demo_sessions WHERE client_id = ? AND ended_at IS NULL', [
        it.account.id,
      ]);
      expect(left).toEqual([]);
    }
  });
});

describe('a container demo', () => {
  it('is launched by the template of the setting, with its image and its own clocks', async () => {
    const image = (await answered(201, admin.post('/images', imageInput()))).body;
    const launch = {
      kind: 'container',
      imageId: image.id as string,
      port: 80,
      maxMinutes: 90,
      idleMinutes: 2,
    };
    const it = await granted({ launch });
    expectProblem(await open(it.client, it.demo.id), 409, 'launch-unavailable');
    expect(await app.sql('SELECT id FROM demo_sessions WHERE client_id = ?', [it.account.id])).toEqual([]);

    await setting('launch.containerUrlTemplate', 'https://{slug}.run.example.com/{demoSessionId}');
    await app.clock.set(new Date());
    const client = await it.account.signIn();
    const session = (await answered(201, open(client, it.demo.id))).body;
    expect(session).toMatchObject({
      url: `https://${it.demo.slug}.run.example.com/${session.demoSessionId}`,
      image: { reference: image.reference, digest: null },
      expiresAt: new Date(new Date(session.openedAt).getTime() + 90 * MINUTE).toISOString(),
    });
    await answered(204, heartbeat(client, session.demoSessionId));
    await app.clock.advance(2 * MINUTE - 1);
    expect((await client.get(`/demo-sessions/${session.demoSessionId}`)).body.endReason).toBeNull();
    await app.clock.advance(1);
    expect((await client.get(`/demo-sessions/${session.demoSessionId}`)).body).toMatchObject({
      endReason: 'idle',
      durationSeconds: 120,
    });
  });
});

describe('the clocks of a demo session', () => {
  /** A client who opens a demo at T0, where the clock stands then. */
  async function atT0(): Promise<Granted & { id: string }> {
    await app.clock.set(new Date(new Date(T0).getTime() - DAY));
    admin = await app.admin();
    const it = await granted();
    await app.clock.set(T0);
    [admin, it.client] = [await app.admin(), await it.account.signIn()];
    return { ...it, id: (await opened(it)).demoSessionId as string };
  }
  const moveTo = async (it: Granted, instant: string) => {
    await app.clock.set(instant);
    [admin, it.client] = [await app.admin(), await it.account.signIn()];
  };

  it('ends it at once when it is not activated', async () => {
    const it = await atT0();
    await moveTo(it, new Date(new Date(at(5)).getTime() - 1).toISOString());
    expect(await read(it.id)).toMatchObject({ endedAt: null });
    await moveTo(it, at(7));
    expect(await read(it.id)).toMatchObject({
      endedAt: at(5),
      endReason: 'not-activated',
      durationSeconds: 300,
    });
    expectProblem(await heartbeat(it.client, it.id), 409, 'conflict');
    const closed = await answered(200, it.client.post(`/demo-sessions/${it.id}/close`));
    expect(closed.body).toMatchObject({ endedAt: at(5), endReason: 'not-activated' });
    expect(await actionsOf(it.id)).toEqual(['demo-session.opened']);
  });

  it('lives on heartbeats, then ends idle; opening again settles it', async () => {
    const it = await atT0();
    await moveTo(it, at(4));
    expect((await heartbeat(it.client, it.id)).status).toBe(204);
    await moveTo(it, at(33));
    expect((await heartbeat(it.client, it.id)).text).toBe('');
    await moveTo(it, at(70));
    const list = (live: boolean) => it.client.get('/demo-sessions', { query: { live, demoId: it.demo.id } });
    expect((await list(true)).body).toEqual({ items: [], nextCursor: null, total: 0 });
    expect((await list(false)).body.items).toMatchObject([
      { id: it.id, endedAt: at(63), endReason: 'idle', durationSeconds: 63 * 60 },
    ]);
    expect(await eventsOf(it.id)).toMatchObject([{ kind: 'opened' }, { kind: 'activated' }]);

    const again = await opened(it);
    expect(again.demoSessionId).not.toBe(it.id);
    expect(await eventsOf(it.id)).toEqual([
      { kind: 'opened', duration_seconds: null },
      { kind: 'activated', duration_seconds: null },
      { kind: 'ended', duration_seconds: 63 * 60 },
    ]);
    expect(await read(it.id)).toMatchObject({ endedAt: at(63), endReason: 'idle' });
    const [entry] = await app.sql<{ after: string }>('SELECT after FROM audit_log WHERE entity_id = ?', [
      again.demoSessionId,
    ]);
    expect(JSON.parse(entry!.after).also).toMatchObject([{ action: 'demo-session.ended', entityId: it.id }]);
    const rollups = await app.sql(
      'SELECT opens, duration_seconds FROM usage_daily_clients WHERE client_id = ?',
      [it.account.id],
    );
    expect(rollups.map((row) => Object.values(row).map(Number))).toEqual([[2, 63 * 60]]);
  });

  it('ends it at its maximum age however alive it is', async () => {
    const it = await atT0();
    for (let minute = 4; minute < 480; minute += 28) {
      await app.clock.set(at(minute));
      await answered(204, heartbeat(await it.account.signIn(), it.id));
    }
    await moveTo(it, at(480));
    expect(await read(it.id)).toMatchObject({ endedAt: at(480), endReason: 'max-age' });
    expectProblem(await heartbeat(it.client, it.id), 409, 'conflict');
  });

  it('ends it with the access', async () => {
    const it = await atT0();
    await answered(204, heartbeat(it.client, it.id));
    await answered(200, admin.post(`/clients/${it.account.id}/shorten`, { until: at(10) }));
    expect(await read(it.id)).toMatchObject({ endedAt: null, expiresAt: at(10) });
    await app.clock.set(at(11));
    admin = await app.admin();
    expect(await read(it.id)).toMatchObject({
      endedAt: at(10),
      endReason: 'access-ended',
      durationSeconds: 600,
    });
    // Renewing brings back the access and not the session.
    await answered(200, admin.post(`/clients/${it.account.id}/renew`, { days: 1 }));
    expect(await read(it.id)).toMatchObject({ endedAt: at(10), endReason: 'access-ended' });
    expect(await eventsOf(it.id)).toMatchObject([{}, {}, { kind: 'ended', duration_seconds: 600 }]);
  });

  it('follows the windows of client and grant', async () => {
    const it = await atT0();
    const end = it.account.body.accessEndsAt as string;
    await app.grant(it.account.id, it.demo.id, { endsAt: at(20) });
    expect(await read(it.id)).toMatchObject({ endedAt: null, expiresAt: at(20) });
    await app.grant(it.account.id, it.demo.id, { endsAt: end });
    expect(await read(it.id)).toMatchObject({ endedAt: null, expiresAt: at(480) });
    await moveTo(it, at(1));
    await app.grant(it.account.id, it.demo.id, { startsAt: at(60) });
    expect(await read(it.id)).toMatchObject({
      endedAt: at(1),
      endReason: 'access-ended',
      durationSeconds: 60,
    });
    expectProblem(await open(it.client, it.demo.id), 403, 'demo-not-granted');
  });

  it.each<[string, (it: Granted) => Promise<unknown>]>([
    ['grant-removed', (it) => answered(204, admin.delete(`/clients/${it.account.id}/demos/${it.demo.id}`))],
    [
      'access-revoked',
      (it) => answered(200, admin.post(`/clients/${it.account.id}/revoke`, { reason: 'Over' })),
    ],
    ['client-erased', (it) => answered(204, admin.delete(`/clients/${it.account.id}`, { ifMatch: '*' }))],
    ['demo-unpublished', (it) => answered(200, admin.post(`/demos/${it.demo.id}/unpublish`))],
    ['demo-retired', (it) => answered(204, admin.delete(`/demos/${it.demo.id}`, { ifMatch: '*' }))],
  ])('ends it with %s, in the entry of the change', async (reason, change) => {
    const it = await atT0();
    await answered(204, heartbeat(it.client, it.id));
    await moveTo(it, at(3));
    await change(it);
    expect(await read(it.id)).toMatchObject({ endedAt: at(3), endReason: reason, durationSeconds: 180 });
    expect(await eventsOf(it.id)).toMatchObject([{}, {}, { kind: 'ended', duration_seconds: 180 }]);
    const [entry] = await app.sql<{ action: string; after: string }>(
      'SELECT action, after FROM audit_log ORDER BY seq DESC LIMIT 1',
    );
    expect(entry!.action).not.toMatch(/^demo-session/);
    expect(JSON.parse(entry!.after).also).toContainEqual(
      expect.objectContaining({ action: 'demo-session.ended', entityId: it.id }),
    );
  });

  it('keeps the reason of a clock that struck before', async () => {
    const it = await atT0();
    await moveTo(it, at(9));
    await answered(204, admin.delete(`/demos/${it.demo.id}`, { ifMatch: '*' }));
    expect(await read(it.id)).toMatchObject({
      endedAt: at(5),
      endReason: 'not-activated',
      durationSeconds: 300,
    });
    expect(await eventsOf(it.id)).toMatchObject([{}, { kind: 'ended', duration_seconds: 300 }]);
  });
});

describe('heartbeat and close', () => {
  it('are the owner’s; an administrator may close', async () => {
    const it = await granted();
    const { demoSessionId: id } = await opened(it);
    const stranger = await (await app.createClient()).signIn();
    const viewer = await (await app.createUser()).signIn();
    for (const path of [`/demo-sessions/${id}`, `/demo-sessions/${UNKNOWN}`, '/demo-sessions/nonsense']) {
      expectProblem(await stranger.get(path), 404, 'not-found');
      expectProblem(await stranger.post(`${path}/heartbeat`), 404, 'not-found');
      expectProblem(await stranger.post(`${path}/close`), 404, 'not-found');
      expectProblem(await admin.post(`${path}/heartbeat`), 403, 'forbidden');
      expectProblem(await viewer.post(`${path}/close`), 403, 'forbidden');
    }
    expect((await viewer.get(`/demo-sessions/${id}`)).status).toBe(200);
    const closed = await answered(200, admin.post(`/demo-sessions/${id}/close`));
    expect(closed.body).toMatchObject({ id, endReason: 'closed', durationSeconds: expect.any(Number) });
    expect((await it.client.post(`/demo-sessions/${id}/close`)).body).toEqual(closed.body);
    expectProblem(await heartbeat(it.client, id), 409, 'conflict');
    expect(await actionsOf(id)).toEqual(['demo-session.opened', 'demo-session.closed']);
    expect((await open(it.client, it.demo.id)).status).toBe(201);
  });

  it('activate once and end once, however many come at once', async () => {
    const it = await granted();
    const { demoSessionId: id } = await opened(it);
    const beats = await Promise.all(Array.from({ length: 10 }, () => heartbeat(it.client, id)));
    expect(beats.map(({ status }) => status)).toEqual(Array(10).fill(204));
    const closes = await Promise.all(
      Array.from({ length: 10 }, () => it.client.post(`/demo-sessions/${id}/close`)),
    );
    expect(new Set(closes.map(({ text }) => text)).size).toBe(1);
    expect((await eventsOf(id)).map(({ kind }) => kind)).toEqual(['opened', 'activated', 'ended']);
    expect(await actionsOf(id)).toEqual(['demo-session.opened', 'demo-session.closed']);
  });
});

describe('the list of demo sessions', () => {
  it('is a client’s own, or everybody’s, by client, demo and life', async () => {
    const [one, two] = [await granted(), await granted()];
    await app.grant(one.account.id, two.demo.id);
    const first = await opened(one);
    await answered(200, one.client.post(`/demo-sessions/${first.demoSessionId}/close`));
    const second = await opened({ ...one, demo: two.demo });
    const third = await opened(two);
    const ids = async (who: Session, query = {}) =>
      ((await answered(200, who.get('/demo-sessions', { query }))).body.items as { id: string }[]).map(
        ({ id }) => id,
      );
    const [a, b, c] = [first, second, third].map(({ demoSessionId }) => demoSessionId as string);

    expect(await ids(one.client)).toEqual([b, a]);
    expect(await ids(one.client, { live: true })).toEqual([b]);
    expect(await ids(one.client, { live: false })).toEqual([a]);
    expect(await ids(one.client, { sort: 'openedAt' })).toEqual([a, b]);
    expect(await ids(one.client, { clientId: two.account.id })).toEqual([]);
    expect(await ids(admin, { clientId: one.account.id })).toEqual([b, a]);
    expect(await ids(admin, { demoId: two.demo.id, live: true })).toEqual([c, b]);
    expect(await ids(admin, { clientId: UNKNOWN })).toEqual([]);
    expectProblem(await admin.get('/demo-sessions', { query: { live: 'maybe' } }), 400, 'validation', 'live');
    expectProblem(
      await admin.get('/demo-sessions', { query: { state: 'live' } }),
      400,
      'validation',
      'state',
    );
  });
});

describe('usage', () => {
  it('is rolled up by client and demo, on the day of the opening', async () => {
    const day = '2027-06-05';
    await app.clock.set(`${day}T23:57:00.000Z`);
    admin = await app.admin();
    const demos = [await app.createDemo(), await app.createDemo()];
    const accounts = [await app.createClient(), await app.createClient()];
    for (const account of accounts) for (const { id } of demos) await app.grant(account.id, id);
    const clients = await Promise.all(accounts.map((account) => account.signIn()));
    const sessions = [];
    for (const client of clients) {
      for (const { id } of demos) sessions.push({ client, ...(await answered(201, open(client, id))).body });
    }
    await app.clock.set('2027-06-06T00:01:00.000Z');
    for (const { client, demoSessionId } of sessions)
      await answered(200, client.post(`/demo-sessions/${demoSessionId}/close`));
    const numbers = (rows: Record<string, unknown>[]) => rows.map((row) => Object.values(row).map(Number));
    expect(
      numbers(
        await app.sql(
          'SELECT opens, unique_clients, duration_seconds FROM usage_daily_totals WHERE day = ?',
          [day],
        ),
      ),
    ).toEqual([[4, 2, 960]]);
    expect(
      numbers(await app.sql('SELECT opens, duration_seconds FROM usage_daily_clients WHERE day = ?', [day])),
    ).toEqual([
      [2, 480],
      [2, 480],
    ]);
    expect(
      numbers(await app.sql('SELECT opens, duration_seconds FROM usage_daily WHERE day = ?', [day])),
    ).toEqual(Array(4).fill([1, 240]));
  });
});
