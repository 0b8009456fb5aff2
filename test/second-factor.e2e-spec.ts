/** Users' second factor: set up, asked for, each code once, lost, demanded (api.md, Accounts and sessions). */
import { createHash, randomBytes } from 'node:crypto';
import { TOTP } from 'otpauth';
import { answered, startApp, type Account, type Session, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';
import { newPassword } from './support/inputs.js';

const SECOND = 1000;
const STEP = 30 * SECOND;
const MINUTE = 60 * SECOND;

describe('the second factor', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterEach(() => app.clock.reset());

  /** The code that an authenticator shows so many steps from now. */
  async function codeOf(secret: string, steps = 0): Promise<string> {
    const now = await app.clock.now();
    return new TOTP({ secret }).generate({ timestamp: now.getTime() + steps * STEP });
  }
  /** A code that is none of those around now. */
  async function wrongCode(secret: string): Promise<string> {
    const near = await Promise.all([-2, -1, 0, 1, 2].map((steps) => codeOf(secret, steps)));
    return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !near.includes(code))!;
  }
  const login = ({ email, password }: Account, otp?: unknown): Promise<Reply> =>
    app.post('/auth/login', { email, password, otp });
  const prepare = ({ password }: Account, session: Session) => session.post('/auth/totp', { password });

  interface Enrolled {
    user: Account;
    session: Session;
    secret: string;
    codes: string[];
  }
  async function enrolled(fields: Record<string, unknown> = {}): Promise<Enrolled> {
    // At the start of a step: what a test does within one stays within it.
    const now = (await app.clock.now()).getTime();
    await app.clock.set(new Date(Math.ceil(now / STEP) * STEP));
    const user = await app.createUser(fields);
    const session = await user.signIn();
    const { secret } = (await answered(200, prepare(user, session))).body;
    const code = await codeOf(secret);
    const { recoveryCodes } = (await answered(200, session.post('/auth/totp/activate', { code }))).body;
    await app.clock.advance(STEP);
    return { user, session, secret, codes: recoveryCodes };
  }
  const actionsOf = async (id: string) =>
    (
      await app.sql<{ action: string }>('SELECT action FROM audit_log WHERE entity_id = ? ORDER BY seq', [id])
    ).map(({ action }) => action);
  async function require(value: boolean): Promise<void> {
    // By hand: the administrator who does it may have no second factor.
    await app.sql(`DELETE FROM system_config WHERE "key" = 'auth.requireTotp'`);
    const now = app.dialect === 'sqlite' ? '2026-01-01 00:00:00.000' : '2026-01-01T00:00:00.000Z';
    if (value)
      await app.sql(
        `INSERT INTO system_config ("key", "value", "version", "created_at", "updated_at") VALUES (?, ?, 2, ?, ?)`,
        ['auth.requireTotp', 'true', now, now],
      );
  }

  it('outlives a rotation of DATA_KEY, with the job that encrypts anew', async () => {
    const { user, secret } = await enrolled();
    const stored = async () =>
      (
        await app.sql<{ secret: string }>('SELECT secret FROM second_factors WHERE user_id = ?', [user.id])
      )[0]!.secret;
    const before = await stored();
    await app.stop();
    app.env.DATA_KEY_PREVIOUS = app.env.DATA_KEY!;
    app.env.DATA_KEY = randomBytes(32).toString('base64');
    await app.start();
    const ahead = async (steps: number) => app.clock.set(new Date(Date.now() + steps * STEP));
    await ahead(10);
    await answered(200, login(user, await codeOf(secret)));
    expect(await stored()).toBe(before);
    const { json } = await app.cli(['--json', 'jobs', 'run', 'encryption']);
    expect(json.result).toMatch(/^[1-9]\d* values? encrypted anew: DATA_KEY_PREVIOUS can be removed$/);
    expect(await stored()).not.toBe(before);
    await app.stop();
    delete app.env.DATA_KEY_PREVIOUS;
    await app.start();
    await ahead(20);
    await answered(200, login(user, await codeOf(secret)));
    const again = await app.cli(['--json', 'jobs', 'run', 'encryption']);
    expect(again.json.result).toBe('nothing to do: there is no DATA_KEY_PREVIOUS');
  });

  describe('being set up', () => {
    it('shows a secret, its address and a picture, and is asked for once it is activated', async () => {
      const user = await app.createUser();
      const session = await user.signIn();
      const prepared = await prepare(user, session);
      expect(prepared.status).toBe(200);
      expect(prepared.headers['cache-control']).toBe('no-store');
      const { secret, otpauthUrl, qrSvg } = prepared.body;
      expect(prepared.body).toEqual({ secret, otpauthUrl, qrSvg });
      expect(secret).toMatch(/^[A-Z2-7]{32}$/);
      expect(otpauthUrl).toMatch(/^otpauth:\/\/totp\//);
      expect(new URL(otpauthUrl).searchParams.get('secret')).toBe(secret);
      expect(decodeURIComponent(otpauthUrl)).toContain(user.email);
      expect(qrSvg).toMatch(/^<svg [^>]*viewBox[\s\S]*<\/svg>\s*$/);
      await answered(200, login(user));

      const activated = await session.post('/auth/totp/activate', { code: await codeOf(secret) });
      expect(activated.status).toBe(200);
      expect(Object.keys(activated.body)).toEqual(['recoveryCodes']);
      expect(new Set(activated.body.recoveryCodes).size).toBe(10);
      expectProblem(await login(user), 403, 'otp-required');
      const actions = await actionsOf(user.id);
      expect(actions.slice(-2)).toEqual(['auth.signed-in', 'auth.second-factor-activated']);
      expect(actions).toContain('auth.second-factor-prepared');
    });

    it('is not when the first code was wrong; beginning again replaces the secret', async () => {
      const user = await app.createUser();
      const session = await user.signIn();
      const first = (await answered(200, prepare(user, session))).body.secret as string;
      const second = (await answered(200, prepare(user, session))).body.secret as string;
      expect(second).not.toBe(first);
      const activate = (code: unknown) => session.post('/auth/totp/activate', { code });
      expectProblem(await activate(await wrongCode(second)), 400, 'validation', 'code');
      const old = await codeOf(first);
      if (old !== (await codeOf(second))) expectProblem(await activate(old), 400, 'validation', 'code');
      await answered(200, login(user));
      await answered(200, activate(await codeOf(second)));
    });

    it('needs the password, and a code at last', async () => {
      const user = await app.createUser();
      const session = await user.signIn();
      const wrong = { password: newPassword() };
      expectProblem(await session.post('/auth/totp', wrong), 400, 'validation', 'password');
      expectProblem(await session.post('/auth/totp', {}), 400, 'validation', 'password');
      expectProblem(
        await session.post('/auth/totp', { ...user, password: 5 }),
        400,
        'validation',
        'password',
      );
      expectProblem(await session.post('/auth/totp/activate', { code: '123456' }), 409, 'conflict');
      await answered(200, prepare(user, session));
      for (const code of [undefined, '', 123456, null, ['123456'], 'x'.repeat(41)])
        expectProblem(await session.post('/auth/totp/activate', { code }), 400, 'validation', 'code');
      expect(await actionsOf(user.id)).toContain('auth.sign-in-failed');
    });

    it('is not done twice', async () => {
      const { user, session, secret } = await enrolled();
      expectProblem(await prepare(user, session), 409, 'conflict');
      const code = await codeOf(secret);
      expectProblem(await session.post('/auth/totp/activate', { code }), 409, 'conflict');
      await answered(200, login(user, code));
    });

    it('is done once by many at a time, with one set of recovery codes', async () => {
      const user = await app.createUser();
      const session = await user.signIn();
      const { secret } = (await answered(200, prepare(user, session))).body;
      const code = await codeOf(secret);
      const replies = await Promise.all(
        Array.from({ length: 8 }, () => session.post('/auth/totp/activate', { code })),
      );
      expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(409)]);
      const rows = await app.sql('SELECT code_hash FROM recovery_codes WHERE user_id = ?', [user.id]);
      expect(rows).toHaveLength(10);
    });

    it('ends all other sessions, and so does taking it away', async () => {
      const user = await app.createUser();
      const [here, there] = [await user.signIn(), await user.signIn()];
      const { secret } = (await answered(200, prepare(user, here))).body;
      expect((await there.get('/auth/me')).status).toBe(200);
      await answered(200, here.post('/auth/totp/activate', { code: await codeOf(secret) }));
      expect((await here.get('/auth/me')).status).toBe(200);
      expectProblem(await there.get('/auth/me'), 401, 'unauthenticated');
      expectProblem(
        await app.post('/auth/refresh', { refreshToken: there.refreshToken }),
        401,
        'unauthenticated',
      );

      const again = (await answered(200, login(user, await codeOf(secret, 1)))).body.accessToken as string;
      const { password } = user;
      expect((await here.post('/auth/totp/disable', { password })).status).toBe(204);
      expect((await here.get('/auth/me')).status).toBe(200);
      expectProblem(await app.get('/auth/me', { token: again }), 401, 'unauthenticated');
      const reasons = await app.sql(
        'SELECT end_reason FROM sessions WHERE user_id = ? AND ended_at IS NOT NULL',
        [user.id],
      );
      expect(reasons).toEqual(Array(2).fill({ end_reason: 'second-factor-changed' }));
    });

    it('is the users’, not the clients’', async () => {
      const account = await app.createClient();
      const client = await account.signIn();
      const { password } = account;
      for (const path of ['/auth/totp', '/auth/totp/disable'])
        expectProblem(await client.post(path, { password }), 403, 'forbidden');
      expectProblem(await client.post('/auth/totp/activate', { code: '123456' }), 403, 'forbidden');
    });
  });

  describe('signing in', () => {
    it('takes a code of now, of the step before and of the one after', async () => {
      const { user, secret } = await enrolled();
      await app.clock.advance(10 * STEP);
      for (const steps of [-1, 0, 1]) await answered(200, login(user, await codeOf(secret, steps)));
      await app.clock.advance(10 * STEP);
      expectProblem(await login(user, await codeOf(secret, -2)), 401, 'invalid-credentials');
      expectProblem(await login(user, await codeOf(secret, 2)), 401, 'invalid-credentials');
      const [entry] = await app.sql(
        `SELECT "after" FROM audit_log WHERE entity_id = ? AND action = 'auth.signed-in' ORDER BY seq DESC LIMIT 1`,
        [user.id],
      );
      expect(JSON.parse(String(entry!.after))).toMatchObject({ secondFactor: 'code' });
    });

    it('takes a code once, and none older than the last', async () => {
      const { user, secret } = await enrolled();
      const [old, code] = [await codeOf(secret), await codeOf(secret, 1)];
      await answered(200, login(user, code));
      for (const spent of [code, old]) expectProblem(await login(user, spent), 401, 'invalid-credentials');
      await app.clock.advance(2 * STEP);
      await answered(200, login(user, await codeOf(secret)));
    });

    it('does not take the code that activated it', async () => {
      const { user, secret } = await enrolled();
      expectProblem(await login(user, await codeOf(secret, -1)), 401, 'invalid-credentials');
    });

    it('takes a code once of many tries at a time', async () => {
      const { user, secret } = await enrolled();
      const code = await codeOf(secret);
      const replies = await Promise.all(Array.from({ length: 8 }, () => login(user, code)));
      expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(401)]);
    });

    it('takes each recovery code once, however it is typed, also of many tries at a time', async () => {
      const { user, codes } = await enrolled();
      const [first, second, third] = codes as [string, string, string];
      await answered(200, login(user, first));
      expectProblem(await login(user, first), 401, 'invalid-credentials');
      await answered(200, login(user, second.toUpperCase().replaceAll('-', ' ')));
      const replies = await Promise.all(Array.from({ length: 8 }, () => login(user, third)));
      expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(401)]);
      const [entry] = await app.sql(
        `SELECT "after" FROM audit_log WHERE entity_id = ? AND action = 'auth.signed-in' ORDER BY seq DESC LIMIT 1`,
        [user.id],
      );
      expect(JSON.parse(String(entry!.after))).toMatchObject({ secondFactor: 'recovery-code' });
      const left = await app.sql('SELECT code_hash FROM recovery_codes WHERE user_id = ?', [user.id]);
      expect(left).toHaveLength(7);
    });

    it('does not take another user’s code or recovery code', async () => {
      const [mine, theirs] = [await enrolled(), await enrolled()];
      expectProblem(await login(mine.user, theirs.codes[0]), 401, 'invalid-credentials');
      expectProblem(await login(mine.user, await codeOf(theirs.secret)), 401, 'invalid-credentials');
      await answered(200, login(theirs.user, theirs.codes[0]));
    });

    it('asks for the code only of who has the password, and says no more before', async () => {
      const { user, secret } = await enrolled();
      const wrong = { ...user, password: newPassword() };
      const [with_, without] = [await login(wrong, await codeOf(secret)), await login(wrong)];
      for (const reply of [with_, without]) expectProblem(reply, 401, 'invalid-credentials');
      const nobody = await login({ ...user, email: 'nobody@example.com' }, '123456');
      expect(nobody.body).toMatchObject({ status: 401, detail: with_.body.detail });
      // The code was not spent by that.
      await answered(200, login(user, await codeOf(secret)));
    });

    it.each([
      ['', 400],
      [123456, 400],
      [null, 400],
      [['123456'], 400],
      ['x'.repeat(41), 400],
      ['12345', 401],
      ['１２３４５６', 401],
      ["' OR 1=1 --", 401],
      ['\u0000', 401],
    ])('answers %j with %i', async (otp, status) => {
      const { user } = await enrolled();
      const reply = await login(user, otp);
      if (status === 400) expectProblem(reply, 400, 'validation', 'otp');
      else expectProblem(reply, 401, 'invalid-credentials');
    });

    it('passes over a code where there is no second factor', async () => {
      await answered(200, login(await app.createUser(), '123456'));
      await answered(200, login(await app.createClient(), '123456'));
    });

    it('counts wrong codes like wrong passwords: locked, also for the right one', async () => {
      const { user, secret } = await enrolled();
      const wrong = await wrongCode(secret);
      // Asking without a code neither counts nor forgives.
      for (let tries = 0; tries < 9; tries += 1) {
        expectProblem(await login(user, wrong), 401, 'invalid-credentials');
        expectProblem(await login(user), 403, 'otp-required');
      }
      expectProblem(await login(user, wrong), 401, 'invalid-credentials');
      const right = await login(user, await codeOf(secret));
      expectProblem(right, 429, 'too-many-requests');
      expect(Number(right.headers['retry-after'])).toBeGreaterThan(800);
      expectProblem(await login(user), 429, 'too-many-requests');
      expect((await actionsOf(user.id)).at(-1)).toBe('auth.locked-out');
      await app.clock.advance(15 * MINUTE);
      await answered(200, login(user, await codeOf(secret)));
      expectProblem(await login(user, wrong), 401, 'invalid-credentials');
    });

    it('lets no more guesses through at once than one after the other', async () => {
      const { user, secret } = await enrolled();
      const wrong = await wrongCode(secret);
      const replies = await Promise.all(Array.from({ length: 25 }, () => login(user, wrong)));
      const refused = replies.filter(({ status }) => status === 401);
      expect(refused).toHaveLength(10);
      expect(replies.filter(({ status }) => status === 429)).toHaveLength(15);
    });

    it('is not asked for again when refreshing', async () => {
      const { user, secret } = await enrolled();
      const { refreshToken } = (await answered(200, login(user, await codeOf(secret)))).body;
      await answered(200, app.post('/auth/refresh', { refreshToken }));
    });
  });

  describe('the password', () => {
    const short = () => newPassword().slice(0, 12);

    it('of a user with a second factor has 12 characters or more, without one 15', async () => {
      const { user, session } = await enrolled();
      const plain = await app.createUser();
      const change = (account: Account, caller: Session, newPassword: string) =>
        caller.post('/auth/password', { currentPassword: account.password, newPassword });
      const refused = await change(plain, await plain.signIn(), 'Xq7-violet-k');
      expectProblem(refused, 400, 'validation', 'newPassword');
      expectProblem(await change(user, session, short().slice(0, 11)), 400, 'validation', 'newPassword');
      expect((await change(user, session, 'Xq7-violet-k')).status).toBe(204);
    });

    it('reset does not let anybody in without the code', async () => {
      const { user, secret } = await enrolled();
      const reset = (await app.cli(['--json', 'admin', 'reset-password', user.email])).json.reset
        .token as string;
      const password = newPassword();
      const confirmed = await app.post('/auth/password-resets/confirm', {
        token: reset,
        newPassword: password,
      });
      expect(confirmed.status).toBe(204);
      expectProblem(await login({ ...user, password }), 403, 'otp-required');
      await answered(200, login({ ...user, password }, await codeOf(secret)));
    });
  });

  describe('being taken away', () => {
    it('needs the password; then sign-in asks for none, and the recovery codes are dead', async () => {
      const { user, session, codes } = await enrolled();
      const disable = (password: unknown) => session.post('/auth/totp/disable', { password });
      expectProblem(await disable(newPassword()), 400, 'validation', 'password');
      expectProblem(await disable(undefined), 400, 'validation', 'password');
      expectProblem(await login(user), 403, 'otp-required');
      expect((await disable(user.password)).status).toBe(204);
      await answered(200, login(user));
      await answered(200, login(user, codes[0]));
      expect(await app.sql('SELECT 1 FROM recovery_codes WHERE user_id = ?', [user.id])).toEqual([]);
      expect(await app.sql('SELECT 1 FROM second_factors WHERE user_id = ?', [user.id])).toEqual([]);
      const before = await actionsOf(user.id);
      expect(before).toContain('auth.second-factor-disabled');
      expect((await disable(user.password)).status).toBe(204);
      expect(await actionsOf(user.id)).toEqual(before);
    });

    it('guessing the password there is locked like anywhere', async () => {
      const { user, session } = await enrolled();
      for (let tries = 0; tries < 10; tries += 1) {
        const path = tries % 2 ? '/auth/totp/disable' : '/auth/totp';
        expectProblem(await session.post(path, { password: newPassword() }), 400, 'validation', 'password');
      }
      for (const path of ['/auth/totp/disable', '/auth/totp'])
        expectProblem(await session.post(path, { password: user.password }), 429, 'too-many-requests');
    });

    it('guessing the first code is, too', async () => {
      const user = await app.createUser();
      const session = await user.signIn();
      const { secret } = (await answered(200, prepare(user, session))).body;
      const activate = async (code: string) => session.post('/auth/totp/activate', { code });
      const wrong = await wrongCode(secret);
      for (let tries = 0; tries < 10; tries += 1)
        expectProblem(await activate(wrong), 400, 'validation', 'code');
      expectProblem(await activate(await codeOf(secret)), 429, 'too-many-requests');
    });

    it('by the operator, when the device is lost: audited, and all sessions end', async () => {
      const { user, session } = await enrolled();
      const done = await app.cli(['--json', 'admin', 'reset-password', user.email, '--second-factor']);
      expect(done).toMatchObject({ code: 0, json: { email: user.email, secondFactorRemoved: true } });
      expectProblem(await session.get('/auth/me'), 401, 'unauthenticated');
      await answered(200, login(user));
      const [entry] = await app.sql(
        `SELECT actor_kind, "after" FROM audit_log WHERE entity_id = ? AND action = 'auth.password-reset-issued'`,
        [user.id],
      );
      expect(entry).toMatchObject({ actor_kind: 'system' });
      expect(String(entry!.after)).toContain('auth.second-factor-removed');

      const again = await app.cli(['admin', 'reset-password', user.email, '--second-factor']);
      expect(again.stdout).toContain('There was no second factor.');
      const client = await app.createClient();
      const refused = await app.cli(['admin', 'reset-password', client.email, '--second-factor']);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('no second factor') });
      const kept = await enrolled();
      await app.cli(['admin', 'reset-password', kept.user.email]);
      expectProblem(await login(kept.user), 403, 'otp-required');
    });

    it('with the user', async () => {
      const { user } = await enrolled();
      expect((await (await app.admin()).delete(`/users/${user.id}`, { ifMatch: '*' })).status).toBe(204);
      for (const table of ['second_factors', 'recovery_codes'])
        expect(await app.sql(`SELECT 1 FROM ${table} WHERE user_id = ?`, [user.id])).toEqual([]);
    });
  });

  describe('being demanded', () => {
    afterEach(() => require(false));

    it('restricts who has none from the next request on, until it is set up', async () => {
      const user = await app.createUser({ role: 'admin' });
      const session = await user.signIn();
      await answered(200, session.get('/users'));
      await require(true);
      for (const [method, path] of [
        ['GET', '/users'],
        ['GET', '/auth/sessions'],
        ['POST', '/auth/password'],
        ['GET', '/settings'],
        ['PATCH', '/settings/auth.requireTotp'],
        ['GET', '/demos'],
        ['GET', '/notifications'],
        ['POST', '/demos/01a2007e-fabe-7512-bfa0-12b3f58b1809/open'],
        ['GET', '/clients/no-id'],
      ] as const) {
        const reply = await session.raw(method, `/api/v1${path}`, method === 'GET' ? undefined : {});
        expectProblem(reply, 403, 'otp-enrolment-required');
      }
      expect((await session.raw('GET', '/health/database')).text).not.toContain('dialect');
      await answered(200, session.get('/auth/me'));
      const { body } = await answered(200, app.post('/auth/refresh', { refreshToken: session.refreshToken }));
      session.accessToken = body.accessToken;
      expectProblem(await session.get('/users'), 403, 'otp-enrolment-required');

      const fresh = await user.signIn();
      expectProblem(await fresh.get('/users'), 403, 'otp-enrolment-required');
      expect((await fresh.post('/auth/logout')).status).toBe(204);

      const { secret } = (await answered(200, prepare(user, session))).body;
      expectProblem(await session.get('/users'), 403, 'otp-enrolment-required');
      await answered(200, session.post('/auth/totp/activate', { code: await codeOf(secret) }));
      await answered(200, session.get('/users'));
      expect((await session.raw('GET', '/health/database')).text).toContain('dialect');

      expect((await session.post('/auth/totp/disable', { password: user.password })).status).toBe(204);
      expectProblem(await session.get('/users'), 403, 'otp-enrolment-required');
    });

    it('leaves clients, keys and users with a second factor alone', async () => {
      const { session } = await enrolled();
      const client = await (await app.createClient()).signIn();
      const admin = await app.admin();
      const expiresAt = new Date((await app.clock.now()).getTime() + 60 * MINUTE).toISOString();
      const key = { name: 'Runner', scopes: ['demos:read'], expiresAt };
      const { key: token } = (await answered(201, admin.post('/api-keys', key))).body;
      await require(true);
      await answered(200, session.get('/demos'));
      await answered(200, client.get('/demos'));
      await answered(200, app.get('/demos', { token }));
    });

    it('by the setting itself, also on who sets it', async () => {
      const user = await app.createUser({ role: 'admin' });
      const session = await user.signIn();
      const set = (value: boolean) =>
        session.patch('/settings/auth.requireTotp', { value }, { ifMatch: '*' });
      await answered(200, set(true));
      expectProblem(await set(false), 403, 'otp-enrolment-required');
      const { secret } = (await answered(200, prepare(user, session))).body;
      await answered(200, session.post('/auth/totp/activate', { code: await codeOf(secret) }));
      await answered(200, set(false));
      await (await app.createUser()).signIn().then((viewer) => answered(200, viewer.get('/users')));
    });
  });

  it('keeps its secrets: encrypted or hashed at rest, in no log, audit entry or answer', async () => {
    const { user, secret, codes, session } = await enrolled();
    const [factor] = await app.sql('SELECT * FROM second_factors WHERE user_id = ?', [user.id]);
    expect(factor!.secret).toMatch(/^v1\.[\w-]+$/);
    const hashes = await app.sql('SELECT code_hash FROM recovery_codes WHERE user_id = ?', [user.id]);
    const wanted = codes.map((code) => createHash('sha256').update(code.replaceAll('-', '')).digest('hex'));
    expect(hashes.map(({ code_hash: hash }) => hash).sort()).toEqual(wanted.sort());
    const code = await codeOf(secret);
    await answered(200, login(user, code));
    await login(user, codes[0]);
    const admin = await app.admin();
    const texts = [
      app.output,
      JSON.stringify(await app.sql('SELECT * FROM audit_log')),
      JSON.stringify([factor, hashes]),
      (await session.get('/auth/me')).text,
      (await admin.get(`/users/${user.id}`)).text,
      (await admin.get('/audit', { query: { limit: 100 } })).text,
    ];
    for (const text of texts) for (const one of [secret, ...codes]) expect(text).not.toContain(one);
  });
});
