/** Guessing passwords, in whatever way (quality.md, Security 8–10). */
import { startApp, type Account, type TestApp } from './support/app.js';
import { expectProblem, type Reply, type RequestOptions } from './support/http.js';
import { newPassword, unique, userInput } from './support/inputs.js';

describe('guessing', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterEach(() => app.clock.reset());

  const login = (email: unknown, password: unknown = newPassword(), on = app, options?: RequestOptions) =>
    on.post('/auth/login', { email, password }, options);

  async function guess(times: number, email: string, on = app): Promise<Reply[]> {
    const replies: Reply[] = [];
    for (let one = 0; one < times; one += 1) replies.push(await login(email, newPassword(), on));
    return replies;
  }

  const failuresOf = async () =>
    app.sql<{ failures: number; locked_until: unknown }>(
      'SELECT failures, locked_until FROM sign_in_failures',
    );

  it.each(['an account', 'nobody'])('locks the e-mail of %s after auth.lockAfter failures', async (whose) => {
    const user = whose === 'nobody' ? undefined : await app.createUser();
    const email = user?.email ?? `nobody-${unique()}@example.com`;
    for (const reply of await guess(10, email)) expectProblem(reply, 401, 'invalid-credentials');
    const locked = await login(email);
    expectProblem(locked, 429, 'too-many-requests');
    const seconds = Number(locked.headers['retry-after']);
    expect(seconds).toBeGreaterThan(14 * 60);
    expect(seconds).toBeLessThanOrEqual(15 * 60);
    await app.clock.advance(seconds * 1000);
    if (user) await user.signIn();
    else expectProblem(await login(email), 401, 'invalid-credentials');
  });

  it('tells nothing about the right password while it is locked', async () => {
    const user = await app.createUser();
    await guess(10, user.email);
    const [wrong, right] = [await login(user.email), await login(user.email, user.password)];
    for (const reply of [wrong, right]) expectProblem(reply, 429, 'too-many-requests');
    const { requestId: _, ...same } = wrong.body;
    expect(right.body).toMatchObject(same);
    expect(Object.keys(right.headers)).toEqual(Object.keys(wrong.headers));
    // Nor does a locked try cost a hash, or prolong the lock.
    const before = await app.stats();
    await guess(5, user.email);
    expect(await app.stats()).toEqual(before);
  });

  it('begins anew after the lock, and after a good sign-in', async () => {
    const user = await app.createUser();
    await guess(9, user.email);
    await user.signIn();
    for (const reply of await guess(10, user.email)) expectProblem(reply, 401, 'invalid-credentials');
    await app.clock.advance(15 * 60_000);
    for (const reply of await guess(10, user.email)) expectProblem(reply, 401, 'invalid-credentials');
    expectProblem(await login(user.email), 429, 'too-many-requests');
  });

  it('in parallel learns no more than one after the other', async () => {
    const user = await app.createUser();
    const tries = Array.from({ length: 40 }, (_, position) =>
      login(user.email, position === 39 ? user.password : newPassword()),
    );
    const replies = await Promise.all(tries);
    const wrong = replies.filter(({ status }) => status === 401);
    expect(wrong.length).toBeLessThanOrEqual(10);
    for (const reply of replies.slice(0, 39)) expect([401, 429]).toContain(reply.status);
    if (replies[39]?.status !== 200)
      expectProblem(await login(user.email, user.password), 429, 'too-many-requests');
  });

  it('over two replicas counts together', async () => {
    if (app.dialect === 'sqlite') return; // One process a SQLite file.
    const second = await startApp({ database: app.database, env: { JWT_SECRET: app.env.JWT_SECRET } });
    const user = await app.createUser();
    const replies = await Promise.all(
      Array.from({ length: 30 }, (_, position) =>
        login(user.email, newPassword(), position % 2 ? second : app),
      ),
    );
    expect(replies.filter(({ status }) => status === 401)).toHaveLength(10);
    for (const on of [app, second])
      expectProblem(await login(user.email, user.password, on), 429, 'too-many-requests');
  });

  it('is not helped by a forged X-Forwarded-For', async () => {
    const user = await app.createUser();
    for (let one = 0; one < 10; one += 1) {
      const headers = {
        'x-forwarded-for': `203.0.113.${one}`,
        forwarded: `for=203.0.113.${one}`,
        'x-real-ip': '9.9.9.9',
      };
      expectProblem(await login(user.email, newPassword(), app, { headers }), 401, 'invalid-credentials');
    }
    const headers = { 'x-forwarded-for': '198.51.100.7' };
    expectProblem(await login(user.email, user.password, app, { headers }), 429, 'too-many-requests');
    const ips = await app.sql<{ ip: string }>('SELECT DISTINCT ip FROM audit_log WHERE ip IS NOT NULL');
    expect(ips).toEqual([{ ip: '127.0.0.1' }]);
  });

  it('leaves one entry a failure and one a lock-out, without what was typed', async () => {
    const user = await app.createUser();
    const typed = `typed-${unique()}`;
    await guess(12, user.email);
    await login(`${typed}@example.com`, typed);
    const entries = await app.sql<{ action: string }>(
      'SELECT action FROM audit_log WHERE entity_id = ? ORDER BY seq',
      [user.id],
    );
    const actions = entries.map(({ action }) => action);
    expect(actions.filter((action) => action === 'auth.sign-in-failed')).toHaveLength(9);
    expect(actions.filter((action) => action === 'auth.locked-out')).toHaveLength(1);
    await app.flushLogs();
    const everything = JSON.stringify([
      await app.sql('SELECT * FROM audit_log'),
      await failuresOf(),
      app.output,
    ]);
    expect(everything).not.toContain(typed);
  });

  it('costs one verification, whoever it is', async () => {
    const user = await app.createUser();
    const invited = (await (await app.admin()).post('/users', userInput({ password: undefined }))).body;
    for (const email of [user.email, 'nobody@example.com', invited.email]) {
      const before = await app.stats();
      expectProblem(await login(email), 401, 'invalid-credentials');
      expect(await app.stats()).toEqual({ ...before, verifications: before.verifications + 1 });
    }
  });

  it('hashes long passwords whole: two that differ at byte 73 differ', async () => {
    const start = newPassword().padEnd(72, 'ü').slice(0, 72);
    const user = await app.createUser({ password: `${start}A-ending` });
    expectProblem(await login(user.email, `${start}B-ending`), 401, 'invalid-credentials');
    await user.signIn();
  });

  it('takes any Unicode up to 128 characters as a password', async () => {
    const password = '🔑ключ-鍵-مفتاح '.repeat(9).slice(0, 150);
    const long = [...password].slice(0, 128).join('');
    expect([...long].length).toBeLessThanOrEqual(128);
    await (await app.createUser({ password: long })).signIn();
  });

  describe('of an e-mail written in other ways', () => {
    let user: Account;
    const variants = () => [
      user.email.toUpperCase(),
      ` ${user.email} `,
      user.email.replace('kim', '\u212aim'), // KELVIN SIGN
      user.email.replace('kim', '\uff4bim'), // FULLWIDTH SMALL K
      user.email.replace('kim', '\uff2b\uff29\uff2d'), // FULLWIDTH CAPITALS
      user.email.replace('fi', '\ufb01'), // LATIN SMALL LIGATURE FI
      user.email.replace('s', '\u017f'), // LATIN SMALL LONG S
      user.email.replace('\u00e9', 'e\u0301'), // decomposed
    ];
    beforeAll(async () => {
      user = await app.createUser({ email: `kim.s\u00e9fi-${unique()}@example.com` });
    });

    it('is one account', async () => {
      const admin = await app.admin();
      for (const email of variants()) {
        expect((await login(email, user.password)).body.account.id).toBe(user.id);
        for (const path of ['/users', '/clients'])
          expectProblem(
            await admin.post(path, {
              ...userInput({ email }),
              ...(path === '/clients' && { role: undefined }),
            }),
            409,
            'conflict',
          );
      }
    });

    it('is one counter', async () => {
      const before = (await failuresOf()).length;
      for (const email of [...variants(), user.email, user.email])
        expectProblem(await login(email), 401, 'invalid-credentials');
      expect(await failuresOf()).toHaveLength(before + 1);
      for (const email of variants())
        expectProblem(await login(email, user.password), 429, 'too-many-requests');
    });
  });
});

describe('behind a trusted proxy', () => {
  it('the caller’s address is the one that the proxy gives, if it is one', async () => {
    const app = await startApp({ env: { TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8' } });
    const user = await app.createUser();
    const ipOf = async (forwarded: string) => {
      const headers = { 'x-forwarded-for': forwarded };
      const reply = await app.post(
        '/auth/login',
        { email: user.email, password: user.password },
        { headers },
      );
      expect(reply.status).toBe(200);
      const { items } = (await app.get('/auth/sessions', { token: reply.body.accessToken })).body;
      return items[0].ip;
    };
    expect(await ipOf('203.0.113.9')).toBe('203.0.113.9');
    // What stands left of the first untrusted address is what the caller says of himself.
    expect(await ipOf('198.51.100.1, 203.0.113.9, 10.1.2.3')).toBe('203.0.113.9');
    expect(await ipOf('2001:db8::1')).toBe('2001:db8::1');
    expect(await ipOf(`unknown-${'x'.repeat(100)}`)).toBe('127.0.0.1');
  });
});
