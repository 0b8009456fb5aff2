/** Another service checks a launch token: good as long as its demo session, on the instant (api.md, Demos and images). */
import jwt from 'jsonwebtoken';
import { answered, startApp, type Account, type Session, type TestApp } from './support/app.js';
import { expectProblem, Http, type Reply } from './support/http.js';
import { imageInput } from './support/inputs.js';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

describe('launch tokens', () => {
  let app: TestApp;
  let admin: Session;
  let service: Http;

  beforeAll(async () => {
    app = await startApp();
    service = await keyed('demo-sessions:verify');
  });
  beforeEach(async () => {
    await app.clock.reset();
    admin = await app.admin();
  });

  const keyed = async (scope: string): Promise<Http> => {
    const expiresAt = new Date(Date.now() + 900 * DAY).toISOString();
    const key = { name: 'Runner', scopes: [scope], expiresAt };
    const { body } = await answered(201, (await app.admin()).post('/api-keys', key));
    return new Http(
      () => app['server'](),
      () => body.key as string,
    );
  };
  const verify = (launchToken: unknown) => service.post('/demo-sessions/verify', { launchToken });
  const expectDead = async (launchToken: unknown): Promise<void> => {
    const reply = await verify(launchToken);
    expect({ status: reply.status, body: reply.body }).toEqual({ status: 200, body: { active: false } });
  };
  const active = async (launchToken: string): Promise<Reply['body']> => {
    const { body } = await answered(200, verify(launchToken));
    expect(body.active).toBe(true);
    return body;
  };

  interface Opened {
    account: Account;
    client: Session;
    demo: Reply['body'];
    session: Reply['body'];
    token: string;
  }
  async function opened(fields: Record<string, unknown> = {}): Promise<Opened> {
    const [demo, account] = await Promise.all([app.createDemo(fields), app.createClient()]);
    await app.grant(account.id, demo.id);
    const client = await account.signIn();
    const { body } = await answered(201, client.post(`/demos/${demo.id}/open`));
    return { account, client, demo, session: body, token: body.launchToken };
  }
  const eventsOf = async (sessionId: string) =>
    (
      await app.sql<{ kind: string }>(
        'SELECT kind FROM usage_analytics WHERE demo_session_id = ? ORDER BY at, id',
        [sessionId],
      )
    ).map(({ kind }) => kind);

  it('say what was opened, by whom and until when', async () => {
    const { account, demo, session, token } = await opened();
    const { demoSessionId, expiresAt } = session;
    const reply = await verify(token);
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({
      active: true,
      demoSessionId,
      demoId: demo.id,
      clientId: account.id,
      expiresAt,
    });
    expect(reply.headers['cache-control']).toBe('no-store');
    expect((await verify(token)).body).toEqual(reply.body);
  });

  it('name the image of a container demo', async () => {
    const reference = imageInput().reference as string;
    const image = (await answered(201, admin.post('/images', { reference }))).body.id as string;
    const patched = { value: 'https://{slug}.run.example.com/{demoSessionId}' };
    await answered(200, admin.patch('/settings/launch.containerUrlTemplate', patched, { ifMatch: '*' }));
    const { token, session } = await opened({
      launch: { kind: 'container', imageId: image, port: 80, env: { TOKEN: 'inside' } },
    });
    const reply = await verify(token);
    expect(reply.body).toMatchObject({ active: true, image: session.image });
    expect(reply.body.image).toMatchObject({ reference });
    expect(reply.text).not.toContain('inside');
  });

  it('activate the session, once, of many at a time', async () => {
    const { token, session } = await opened();
    const replies = await Promise.all(Array.from({ length: 12 }, () => verify(token)));
    for (const reply of replies) expect(reply.body).toMatchObject({ active: true });
    expect(await eventsOf(session.demoSessionId)).toEqual(['opened', 'activated']);
    // Not one more sign of life: only the first activates.
    const [row] = await app.sql('SELECT activated_at, last_seen_at FROM demo_sessions WHERE id = ?', [
      session.demoSessionId,
    ]);
    expect(row!.last_seen_at).toEqual(row!.activated_at);
    const audit = await app.sql('SELECT action FROM audit_log WHERE entity_id = ?', [session.demoSessionId]);
    expect(audit).toEqual([{ action: 'demo-session.opened' }]);
  });

  it('are dead once the session was not activated in time, and alive when it was', async () => {
    const [seen, unseen] = [await opened(), await opened()];
    await active(seen.token);
    await app.clock.advance(5 * MINUTE);
    await expectDead(unseen.token);
    await active(seen.token);
    expect(await eventsOf(unseen.session.demoSessionId)).not.toContain('activated');
  });

  it('end at the instant of the session’s end', async () => {
    const { client, session, token } = await opened();
    const end = new Date(session.openedAt as string).getTime() + 30 * MINUTE;
    await answered(204, client.post(`/demo-sessions/${session.demoSessionId}/heartbeat`));
    await app.sql('UPDATE demo_sessions SET last_seen_at = opened_at WHERE id = ?', [session.demoSessionId]);
    const stored = (instant: Date) =>
      app.dialect === 'sqlite'
        ? instant.toISOString().replace('T', ' ').replace('Z', '')
        : instant.toISOString();
    await app.sql('UPDATE demo_sessions SET lapses_at = ? WHERE id = ?', [
      stored(new Date(end)),
      session.demoSessionId,
    ]);
    await app.clock.set(new Date(end - 1));
    await active(token);
    await app.clock.set(new Date(end));
    await expectDead(token);
  });

  it('end with the client’s window, though no job ran', async () => {
    const { account, token } = await opened();
    await active(token);
    const until = new Date((await app.clock.now()).getTime() + 10 * MINUTE);
    const body = { until: until.toISOString() };
    await answered(200, admin.post(`/clients/${account.id}/shorten`, body));
    expect((await active(token)).expiresAt).toBe(body.until);
    await app.clock.set(new Date(until.getTime() - 1));
    await active(token);
    await app.clock.set(until);
    await expectDead(token);
  });

  it('end with the grant’s window', async () => {
    const { account, demo, token } = await opened();
    await active(token);
    const endsAt = new Date((await app.clock.now()).getTime() + 10 * MINUTE).toISOString();
    await app.grant(account.id, demo.id, { endsAt });
    expect((await active(token)).expiresAt).toBe(endsAt);
    await app.clock.set(endsAt);
    await expectDead(token);
  });

  it.each<[string, (it: Opened) => Promise<Reply>]>([
    [
      'the client is revoked',
      ({ account }) => admin.post(`/clients/${account.id}/revoke`, { reason: 'Over' }),
    ],
    ['the client is erased', ({ account }) => admin.delete(`/clients/${account.id}`, { ifMatch: '*' })],
    ['the grant is removed', ({ account, demo }) => admin.delete(`/clients/${account.id}/demos/${demo.id}`)],
    ['the demo is retired', ({ demo }) => admin.delete(`/demos/${demo.id}`, { ifMatch: '*' })],
    ['the demo is unpublished', ({ demo }) => admin.post(`/demos/${demo.id}/unpublish`)],
    [
      'the client closes it',
      ({ client, session }) => client.post(`/demo-sessions/${session.demoSessionId}/close`),
    ],
    [
      'an administrator closes it',
      ({ session }) => admin.post(`/demo-sessions/${session.demoSessionId}/close`),
    ],
  ])('are dead with the next request when %s', async (_, end) => {
    const one = await opened();
    await active(one.token);
    expect((await end(one)).status).toBeLessThan(300);
    await expectDead(one.token);
  });

  it('do not come back: a reinstated client opens anew', async () => {
    const { account, demo, token } = await opened();
    await answered(200, admin.post(`/clients/${account.id}/revoke`, { reason: 'Over' }));
    await answered(200, admin.post(`/clients/${account.id}/reinstate`));
    await expectDead(token);
    const { body } = await answered(201, (await account.signIn()).post(`/demos/${demo.id}/open`));
    await active(body.launchToken);
    await expectDead(token);
  });

  it('are handed out afresh while the session lives, and all of them say the same', async () => {
    const { client, demo, token } = await opened();
    await app.clock.set(await app.clock.now());
    const tokens = await Promise.all([1, 2].map(() => client.post(`/demos/${demo.id}/open`)));
    expect(new Set([token, ...tokens.map(({ body }) => body.launchToken as string)]).size).toBe(3);
    await app.clock.advance(2 * MINUTE);
    const again = await answered(200, client.post(`/demos/${demo.id}/open`));
    expect(await active(again.body.launchToken)).toEqual(await active(token));
  });

  it('are checked against revoking at the same time: after it is answered, none is good', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { account, token, session } = await opened();
      const checks = Array.from({ length: 6 }, () => verify(token));
      await answered(200, admin.post(`/clients/${account.id}/revoke`, { reason: 'Over' }));
      await expectDead(token);
      for (const reply of await Promise.all(checks)) expect(reply.status).toBe(200);
      expect(await eventsOf(session.demoSessionId)).not.toEqual(['opened', 'ended', 'activated']);
    }
  });

  it('are nothing else: strange text, other tokens, forged ones', async () => {
    const { client, session, token, account } = await opened();
    const claims = { sub: session.demoSessionId as string, iss: 'ecatalog', aud: 'ecatalog-launch' };
    const secret = String(app.env.JWT_SECRET);
    const [head, body, mac] = token.split('.') as [string, string, string];
    const strange = [
      'x',
      ' ',
      '..',
      'null',
      "' OR 1=1 --",
      '\u0000',
      'ü'.repeat(1000),
      'x'.repeat(50_000),
      session.demoSessionId,
      client.accessToken,
      client.refreshToken,
      `${head}.${body}.`,
      `${head}.${body}.${mac.slice(1)}`,
      `${token}x`,
      `Bearer ${token}`,
      jwt.sign(claims, 'another secret that is as long as it must be'),
      jwt.sign(claims, '', { algorithm: 'none' }),
      jwt.sign({ ...claims, aud: 'ecatalog-api' }, secret),
      jwt.sign({ ...claims, iss: 'other' }, secret),
      jwt.sign({ ...claims, sub: account.id }, secret),
      jwt.sign({ ...claims, sub: 'no-id' }, secret),
      jwt.sign({ ...claims, sub: claims.sub.toUpperCase() }, secret),
      jwt.sign(claims, secret, { algorithm: 'HS512' }),
    ];
    for (const one of strange) await expectDead(one);
    expect(await eventsOf(session.demoSessionId)).toEqual(['opened']);
    await active(token);
  });

  it.each([
    ['launchToken', {}],
    ['launchToken', { launchToken: '' }],
    ['launchToken', { launchToken: null }],
    ['launchToken', { launchToken: 5 }],
    ['launchToken', { launchToken: ['x'] }],
    ['launchToken', { launchToken: { $ne: '' } }],
    ['launchToken', { launchToken: '\ud800' }],
    ['demoId', { launchToken: 'x', demoId: 'x' }],
  ])('need a body as documented: %s in %j', async (field, body) => {
    expectProblem(await service.post('/demo-sessions/verify', body), 400, 'validation', field);
  });

  it('are checked by a key of that scope only, and are no way in themselves', async () => {
    const { client, token } = await opened();
    const body = { launchToken: token };
    const others = [admin, client, await keyed('demo-sessions:read'), await keyed('demos:write')];
    for (const caller of others)
      expectProblem(await caller.post('/demo-sessions/verify', body), 403, 'forbidden');
    expectProblem(await app.post('/demo-sessions/verify', body), 401, 'unauthenticated');
    expectProblem(await app.get('/auth/me', { token }), 401, 'unauthenticated');
    for (const path of ['/demo-sessions', '/demos', '/clients'])
      expectProblem(await service.get(path), 403, 'forbidden');
    expect(app.output).not.toContain(token);
    expect(JSON.stringify(await app.sql('SELECT * FROM audit_log'))).not.toContain(token);
  });
});
