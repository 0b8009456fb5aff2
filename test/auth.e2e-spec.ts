/** Signing in and out, sessions, passwords, invitations and resets as a caller sees them (api.md, Accounts and sessions). */
import { createHash } from 'node:crypto';
import { startApp, type Account, type TestApp } from './support/app.js';
import { expectProblem } from './support/http.js';
import { clientInput, newPassword, userInput } from './support/inputs.js';

const DAY = 86_400_000;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('auth', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterEach(() => app.clock.reset());

  const lastAudit = async (action: string) =>
    (await app.sql('SELECT * FROM audit_log WHERE action = ? ORDER BY seq DESC LIMIT 1', [action]))[0];

  /** A reset token, as the command line issues it, put into the database by hand. */
  async function resetTokenOf({ id }: Account, kind: 'user' | 'client', minutes = 60): Promise<string> {
    const token = newPassword();
    const now = await app.clock.now();
    await app.sql(
      `INSERT INTO account_tokens (token_hash, purpose, ${kind}_id, created_at, expires_at) VALUES (?, 'password-reset', ?, ?, ?)`,
      [sha256(token), id, stored(now), stored(new Date(now.getTime() + minutes * 60_000))],
    );
    return token;
  }

  /** An instant as the database stores it. */
  const stored = (instant: Date) =>
    app.dialect === 'sqlite'
      ? instant.toISOString().replace('T', ' ').replace('Z', '')
      : instant.toISOString();

  describe('signing in', () => {
    it('answers tokens and the account, of a user', async () => {
      const user = await app.createUser({ role: 'admin', language: 'pt' });
      const reply = await app.post('/auth/login', { email: user.email, password: user.password });
      expect(reply.status).toBe(200);
      expect(reply.headers['cache-control']).toBe('no-store');
      expect(reply.body).toEqual({
        accessToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
        refreshToken: expect.stringMatching(/^[\w-]{43}$/),
        tokenType: 'Bearer',
        expiresIn: 900,
        account: {
          id: user.id,
          kind: 'user',
          role: 'admin',
          name: user.body.name,
          email: user.email,
          language: 'pt',
        },
      });
      expect(await lastAudit('auth.signed-in')).toMatchObject({
        actor_kind: 'user',
        actor_id: user.id,
        entity_type: 'user',
        entity_id: user.id,
      });
    });

    it('answers the access of a client', async () => {
      const client = await app.createClient();
      const session = await client.signIn();
      expect(session.account).toEqual({
        id: client.id,
        kind: 'client',
        name: client.body.name,
        email: client.email,
        language: 'en',
        access: { status: 'active', startsAt: client.body.accessStartsAt, endsAt: client.body.accessEndsAt },
      });
      const me = await session.get('/auth/me');
      expect(me.status).toBe(200);
      expect(me.body).toEqual(session.account);
    });

    it('answers the same to a wrong password and to nobody', async () => {
      const user = await app.createUser();
      const wrong = await app.post('/auth/login', { email: user.email, password: newPassword() });
      const nobody = await app.post('/auth/login', { email: 'nobody@example.com', password: newPassword() });
      for (const reply of [wrong, nobody]) expectProblem(reply, 401, 'invalid-credentials');
      const { requestId: _, ...first } = wrong.body;
      expect(nobody.body).toMatchObject(first);
      expect(Object.keys(nobody.headers).sort()).toEqual(Object.keys(wrong.headers).sort());
    });

    it('refuses an account that has no password yet', async () => {
      const admin = await app.admin();
      const { email } = (await admin.post('/users', userInput({ password: undefined }))).body;
      expectProblem(
        await app.post('/auth/login', { email, password: newPassword() }),
        401,
        'invalid-credentials',
      );
    });

    it('refuses a revoked client, and says so only to the right password', async () => {
      const client = await app.createClient();
      const admin = await app.admin();
      await admin.post(`/clients/${client.id}/revoke`, { reason: 'Contract over' });
      const { email, password } = client;
      expectProblem(await app.post('/auth/login', { email, password }), 403, 'access-revoked');
      expectProblem(
        await app.post('/auth/login', { email, password: newPassword() }),
        401,
        'invalid-credentials',
      );
    });

    it.each([
      ['expired', { accessStartsAt: -2 * DAY, accessEndsAt: -DAY }, 'access-expired'],
      ['scheduled', { accessStartsAt: DAY, accessEndsAt: 2 * DAY }, 'access-not-started'],
    ])('gives the %s client a restricted session', async (status, window, problem) => {
      const now = (await app.clock.now()).getTime();
      // An end in the past cannot be asked for: the client is made before it.
      if (status === 'expired') await app.clock.advance(window.accessStartsAt);
      const at = (offset: number) => new Date(now + offset).toISOString();
      const client = await app.createClient({
        accessDays: undefined,
        accessStartsAt: at(window.accessStartsAt),
        accessEndsAt: at(window.accessEndsAt),
      });
      await app.clock.reset();
      const session = await client.signIn();
      expect(session.account.access.status).toBe(status);
      for (const path of ['/auth/me', '/auth/sessions']) expect((await session.get(path)).status).toBe(200);
      expectProblem(await session.get('/demos'), 403, problem);
      expectProblem(await session.get('/users'), 403, problem);
      const refreshed = await app.post('/auth/refresh', { refreshToken: session.refreshToken });
      expect(refreshed.body.account.access.status).toBe(status);
      expectProblem(await app.get('/demos', { token: refreshed.body.accessToken }), 403, problem);
      expect((await session.post('/auth/logout')).status).toBe(204);
    });

    it('rehashes a password whose parameters are outdated', async () => {
      const user = await app.createUser();
      const hashOf = async () =>
        (
          await app.sql<{ password_hash: string }>(
            'SELECT password_hash FROM credentials WHERE user_id = ?',
            [user.id],
          )
        )[0]?.password_hash;
      const { hash } = await import('@node-rs/argon2');
      const weak = await hash(user.password, { memoryCost: 8192, timeCost: 1, parallelism: 1 });
      await app.sql('UPDATE credentials SET password_hash = ? WHERE user_id = ?', [weak, user.id]);
      await user.signIn();
      expect(await hashOf()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
      await user.signIn();
    });
  });

  describe('sessions', () => {
    it('lists and ends the own ones only', async () => {
      const user = await app.createUser();
      const [one, two] = [await user.signIn(), await user.signIn()];
      const stranger = await (await app.createUser()).signIn();
      const { items } = (await one.get('/auth/sessions')).body;
      expect(items).toHaveLength(2);
      const [other, current] = items;
      expect([other.current, current.current]).toEqual([false, true]);
      expect(current).toMatchObject({ ip: '127.0.0.1', expiresAt: expect.stringMatching(/Z$/) });
      expectProblem(await stranger.delete(`/auth/sessions/${other.id}`), 404, 'not-found');
      expectProblem(await one.delete('/auth/sessions/no-id'), 404, 'not-found');
      expect((await one.delete(`/auth/sessions/${other.id}`)).status).toBe(204);
      expectProblem(await one.delete(`/auth/sessions/${other.id}`), 404, 'not-found');
      expectProblem(await two.get('/auth/me'), 401, 'unauthenticated');
      expect((await one.get('/auth/me')).status).toBe(200);
    });

    it('are over with the sign-out, both tokens', async () => {
      const session = await (await app.createUser()).signIn();
      expect((await session.post('/auth/logout')).status).toBe(204);
      expectProblem(await session.get('/auth/me'), 401, 'unauthenticated');
      expectProblem(await session.post('/auth/logout'), 401, 'unauthenticated');
      expectProblem(
        await app.post('/auth/refresh', { refreshToken: session.refreshToken }),
        401,
        'unauthenticated',
      );
      expect(await lastAudit('auth.signed-out')).toMatchObject({ actor_id: session.account.id });
    });

    it('rotate: a refresh token is good once, and its second use ends them', async () => {
      const session = await (await app.createUser()).signIn();
      const first = await app.post('/auth/refresh', { refreshToken: session.refreshToken });
      expect(first.status).toBe(200);
      expect(first.body.account).toEqual(session.account);
      expect(first.body.refreshToken).not.toBe(session.refreshToken);
      const { accessToken: token, refreshToken } = first.body;
      expect((await app.get('/auth/me', { token })).status).toBe(200);
      // Both access tokens belong to the one session, until the old refresh token comes back.
      expect((await session.get('/auth/me')).status).toBe(200);
      expectProblem(
        await app.post('/auth/refresh', { refreshToken: session.refreshToken }),
        401,
        'unauthenticated',
      );
      expectProblem(await app.get('/auth/me', { token }), 401, 'unauthenticated');
      expectProblem(await app.post('/auth/refresh', { refreshToken }), 401, 'unauthenticated');
      expect(await lastAudit('auth.refresh-reused')).toMatchObject({ actor_id: session.account.id });
    });

    it('refuse strange refresh tokens', async () => {
      const session = await (await app.createUser()).signIn();
      for (const refreshToken of [
        'x',
        'ø'.repeat(43),
        session.accessToken,
        session.refreshToken.toUpperCase(),
      ])
        expectProblem(await app.post('/auth/refresh', { refreshToken }), 401, 'unauthenticated');
      for (const body of [
        {},
        { refreshToken: null },
        { refreshToken: [session.refreshToken] },
        { refreshToken: '' },
      ])
        expectProblem(await app.post('/auth/refresh', body), 400, 'validation', 'refreshToken');
      expect((await app.post('/auth/refresh', { refreshToken: session.refreshToken })).status).toBe(200);
    });

    it('never outlive their absolute lifetime, however they are refreshed', async () => {
      const user = await app.createUser();
      const start = Date.parse('2031-01-01T00:00:00.000Z');
      await app.clock.set(new Date(start));
      let { refreshToken } = await user.signIn();
      for (const day of [10, 20, 29.9]) {
        await app.clock.set(new Date(start + day * DAY));
        const reply = await app.post('/auth/refresh', { refreshToken });
        expect(reply.status).toBe(200);
        refreshToken = reply.body.refreshToken;
      }
      await app.clock.set(new Date(start + 30 * DAY));
      expectProblem(await app.post('/auth/refresh', { refreshToken }), 401, 'unauthenticated');
    });

    it('end when they are not used for session.refreshDays', async () => {
      const user = await app.createUser();
      const start = Date.parse('2031-01-01T00:00:00.000Z');
      await app.clock.set(new Date(start));
      const [one, two] = [await user.signIn(), await user.signIn()];
      await app.clock.set(new Date(start + 14 * DAY - 1));
      expect((await app.post('/auth/refresh', { refreshToken: one.refreshToken })).status).toBe(200);
      await app.clock.set(new Date(start + 14 * DAY));
      expectProblem(
        await app.post('/auth/refresh', { refreshToken: two.refreshToken }),
        401,
        'unauthenticated',
      );
    });
  });

  describe('changing the password', () => {
    it('needs the current one, and ends all other sessions and links', async () => {
      const client = await app.createClient();
      const [here, there] = [await client.signIn(), await client.signIn()];
      const link = await resetTokenOf(client, 'client');
      const newOne = newPassword();
      const change = (currentPassword: string, to = newOne) =>
        here.post('/auth/password', { currentPassword, newPassword: to });
      expectProblem(await change(newPassword()), 400, 'validation', 'currentPassword');
      expectProblem(await change(client.password, 'short'), 400, 'validation', 'newPassword');
      expect((await there.get('/auth/me')).status).toBe(200);
      expect((await change(client.password)).status).toBe(204);
      expect((await here.get('/auth/me')).status).toBe(200);
      expect((await app.post('/auth/refresh', { refreshToken: here.refreshToken })).status).toBe(200);
      expectProblem(await there.get('/auth/me'), 401, 'unauthenticated');
      expectProblem(
        await app.post('/auth/refresh', { refreshToken: there.refreshToken }),
        401,
        'unauthenticated',
      );
      expectProblem(
        await app.post('/auth/password-resets/confirm', { token: link, newPassword: newPassword() }),
        400,
        'validation',
        'token',
      );
      expectProblem(await app.post('/auth/login', client), 400, 'validation');
      const { email, password } = client;
      expectProblem(await app.post('/auth/login', { email, password }), 401, 'invalid-credentials');
      await app.signIn(email, newOne);
      expect(await lastAudit('auth.password-changed')).toMatchObject({
        actor_id: client.id,
        entity_id: client.id,
      });
    });

    it('can be guessed at as little as the sign-in', async () => {
      const user = await app.createUser();
      const session = await user.signIn();
      const change = (currentPassword: string) =>
        session.post('/auth/password', { currentPassword, newPassword: newPassword() });
      for (let guess = 1; guess <= 10; guess += 1)
        expectProblem(await change(newPassword()), 400, 'validation', 'currentPassword');
      expectProblem(await change(user.password), 429, 'too-many-requests');
      const { email, password } = user;
      expectProblem(await app.post('/auth/login', { email, password }), 429, 'too-many-requests');
    });
  });

  describe('invitations', () => {
    it('are accepted once, and sign in', async () => {
      const admin = await app.admin();
      const { id, email, invitation } = (await admin.post('/clients', clientInput({ password: undefined })))
        .body;
      expect(invitation).toEqual({
        token: expect.stringMatching(/^[\w-]{43}$/),
        expiresAt: expect.any(String),
      });
      const accept = (password: string) =>
        app.post('/auth/invitations/accept', { token: invitation.token, password });
      expectProblem(await accept('too short'), 400, 'validation', 'password');
      const password = newPassword();
      const reply = await accept(password);
      expect(reply.status).toBe(200);
      expect(reply.body.account).toMatchObject({ id, kind: 'client', email });
      expect((await app.get('/auth/me', { token: reply.body.accessToken })).status).toBe(200);
      expectProblem(await accept(newPassword()), 400, 'validation', 'token');
      await app.signIn(email, password);
      expect(await lastAudit('auth.invitation-accepted')).toMatchObject({ actor_id: id });
    });

    it('twenty at once are one', async () => {
      const admin = await app.admin();
      const { token } = (await admin.post('/users', userInput({ password: undefined }))).body.invitation;
      const replies = await Promise.all(
        Array.from({ length: 20 }, () =>
          app.post('/auth/invitations/accept', { token, password: newPassword() }),
        ),
      );
      expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const reply of replies.filter(({ status }) => status !== 200))
        expectProblem(reply, 400, 'validation', 'token');
    });

    it('end with their days, with the next one and with a revocation', async () => {
      const admin = await app.admin();
      const invite = async () => (await admin.post('/clients', clientInput({ password: undefined }))).body;
      const accept = (token: string) =>
        app.post('/auth/invitations/accept', { token, password: newPassword() });
      const [late, replaced, revoked] = [await invite(), await invite(), await invite()];
      const { token } = (await admin.post(`/clients/${replaced.id}/invitation`)).body;
      expectProblem(await accept(replaced.invitation.token), 400, 'validation', 'token');
      expect((await accept(token)).status).toBe(200);
      await admin.post(`/clients/${revoked.id}/revoke`, { reason: 'Mistake' });
      expectProblem(await accept(revoked.invitation.token), 400, 'validation', 'token');
      await app.clock.set(late.invitation.expiresAt);
      expectProblem(await accept(late.invitation.token), 400, 'validation', 'token');
      await app.clock.advance(-1);
      expect((await accept(late.invitation.token)).status).toBe(200);
    });

    it('are stored as hashes only', async () => {
      const admin = await app.admin();
      const { token } = (await admin.post('/users', userInput({ password: undefined }))).body.invitation;
      const rows = await app.sql('SELECT * FROM account_tokens');
      expect(rows.map((row) => row.token_hash)).toContain(sha256(token));
      expect(JSON.stringify(rows)).not.toContain(token);
    });
  });

  describe('password resets', () => {
    it('set a new password once, end every session and lift a lock', async () => {
      const user = await app.createUser();
      const session = await user.signIn();
      for (let guess = 0; guess < 10; guess += 1)
        await app.post('/auth/login', { email: user.email, password: newPassword() });
      const token = await resetTokenOf(user, 'user');
      const confirm = (newOne: string) =>
        app.post('/auth/password-resets/confirm', { token, newPassword: newOne });
      expectProblem(await confirm(`${user.body.name} ${user.email}`), 400, 'validation', 'newPassword');
      const newOne = newPassword();
      expect((await confirm(newOne)).status).toBe(204);
      expectProblem(await session.get('/auth/me'), 401, 'unauthenticated');
      expectProblem(await confirm(newPassword()), 400, 'validation', 'token');
      await app.signIn(user.email, newOne);
      expect(await lastAudit('auth.password-reset')).toMatchObject({ actor_id: user.id });
    });

    it('expire, and are no invitations', async () => {
      const client = await app.createClient();
      const token = await resetTokenOf(client, 'client', 60);
      const password = newPassword();
      expectProblem(
        await app.post('/auth/invitations/accept', { token, password }),
        400,
        'validation',
        'token',
      );
      await app.clock.advance(60 * 60_000);
      const confirm = { token, newPassword: password };
      expectProblem(await app.post('/auth/password-resets/confirm', confirm), 400, 'validation', 'token');
    });
  });
});
