/** Asking for a reset link by e-mail: for those who have an account, and telling nobody who has one. */
import { createHash } from 'node:crypto';
import { answered, startApp, type Account, type TestApp, until } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';
import { clientInput, newPassword, unique, userInput } from './support/inputs.js';
import { type MailServer, startMailServer } from './support/mail-server.js';

const MINUTE = 60_000;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('password resets', () => {
  let app: TestApp;
  let mail: MailServer;
  beforeAll(async () => {
    mail = await startMailServer();
    app = await startApp({
      env: {
        SMTP_URL: mail.url,
        MAIL_FROM: 'catalog@example.com',
        PUBLIC_URL: 'https://catalog.example.com',
        JOBS_TICK_MS: '100',
      },
    });
  });
  afterEach(() => app.clock.reset());

  const ask = (email: unknown): Promise<Reply> => app.post('/auth/password-resets', { email });
  const confirm = (token: string, password: string): Promise<Reply> =>
    app.post('/auth/password-resets/confirm', { token, newPassword: password });
  const tokenIn = (text: string): string => /token=([\w-]+)/.exec(text)![1]!;
  /** The tokens mailed to an address, once there are so many. */
  async function tokens(email: string, count: number): Promise<string[]> {
    const resets = () => mail.mailsTo(email).filter(({ text }) => text.includes('/password-reset?token='));
    await until(() => resets().length >= count);
    return resets().map(({ text }) => tokenIn(text));
  }
  const rowsOf = ({ id }: Account) =>
    app.sql(
      `SELECT * FROM account_tokens WHERE purpose = 'password-reset' AND (user_id = ? OR client_id = ?)`,
      [id, id],
    );
  const auditOf = ({ id }: Account) =>
    app.sql(
      `SELECT * FROM audit_log WHERE entity_id = ? AND action LIKE 'auth.password-reset%' ORDER BY seq`,
      [id],
    );

  it.each(['user', 'client'] as const)('mail a %s a link that is good once', async (kind) => {
    const account = await (kind === 'user' ? app.createUser() : app.createClient());
    const session = await account.signIn();
    const reply = await ask(account.email);
    expect({ status: reply.status, text: reply.text }).toEqual({ status: 202, text: '' });
    const [token] = (await tokens(account.email, 1)) as [string];
    expect(await rowsOf(account)).toEqual([expect.objectContaining({ token_hash: sha256(token) })]);
    expect(await auditOf(account)).toEqual([
      expect.objectContaining({
        action: 'auth.password-reset-requested',
        entity_type: kind,
        actor_kind: 'anonymous',
        before: null,
        after: null,
      }),
    ]);
    // Until it is used, nothing changes.
    expect((await session.get('/auth/me')).status).toBe(200);
    const password = newPassword();
    expect((await confirm(token, password)).status).toBe(204);
    expectProblem(await session.get('/auth/me'), 401, 'unauthenticated');
    await app.signIn(account.email, password);
    expectProblem(await confirm(token, newPassword()), 400, 'validation', 'token');
    expect(app.output).not.toContain(token);
    const kept = ['audit_log', 'account_tokens', 'sign_in_failures', 'mail_outbox', 'idempotency_keys'];
    for (const table of kept)
      expect(JSON.stringify(await app.sql(`SELECT * FROM ${table}`))).not.toContain(token);
  });

  it.each(['user', 'client'] as const)('and invitations die with the e-mail of a %s', async (kind) => {
    const admin = await app.admin();
    const account = await (kind === 'user' ? app.createUser() : app.createClient());
    await ask(account.email);
    const [token] = (await tokens(account.email, 1)) as [string];
    const input = kind === 'user' ? userInput({ password: undefined }) : clientInput({ password: undefined });
    const { body: invited } = await answered(201, admin.post(`/${kind}s`, input));
    for (const { id } of [account, invited]) {
      const name = { name: 'Another name' };
      const { body } = await answered(200, admin.patch(`/${kind}s/${id}`, name, { ifMatch: '*' }));
      const email = { email: `${unique()}@example.com` };
      await answered(200, admin.patch(`/${kind}s/${id}`, email, { ifMatch: body.version }));
    }
    expectProblem(await confirm(token, newPassword()), 400, 'validation', 'token');
    const accept = { token: invited.invitation.token, password: newPassword() };
    expectProblem(await app.post('/auth/invitations/accept', accept), 400, 'validation', 'token');
  });

  it('take the address however it is written', async () => {
    const id = unique();
    const user = await app.createUser({ email: `Rui.${id}@example.com` });
    expect((await ask(`  rui.${id.toUpperCase()}@EXAMPLE.com `)).status).toBe(202);
    const [token] = (await tokens(user.email, 1)) as [string];
    expect((await confirm(token, newPassword())).status).toBe(204);
  });

  it('answer the same, and do the same work, whoever asks', async () => {
    const user = await app.createUser();
    const locked = await app.createUser();
    for (let tries = 0; tries < 11; tries += 1)
      await app.post('/auth/login', { email: locked.email, password: newPassword() });
    const revoked = await app.createClient();
    const admin = await app.admin();
    await answered(200, admin.post(`/clients/${revoked.id}/revoke`, { reason: 'Over' }));
    const removed = await app.createUser();
    await answered(204, admin.delete(`/users/${removed.id}`, { ifMatch: '*' }));
    const emails = [user, locked, revoked, removed].map(({ email }) => email);
    const { status, text, headers } = await ask(user.email);
    for (const email of [...emails, 'nobody@example.com', 'nobody@example.com']) {
      const before = await app.stats();
      const reply = await ask(email);
      const after = await app.stats();
      expect(after.verifications - before.verifications).toBe(1);
      expect({ status: reply.status, text: reply.text }).toEqual({ status, text });
      expect(Object.keys(reply.headers).sort()).toEqual(Object.keys(headers).sort());
    }
    expect(await rowsOf(revoked)).toEqual([]);
    expect(await auditOf(revoked)).toEqual([]);
    const [token] = (await tokens(locked.email, 1)) as [string];
    const password = newPassword();
    expect((await confirm(token, password)).status).toBe(204);
    await app.signIn(locked.email, password);
    for (const nobody of [revoked.email, removed.email, 'nobody@example.com'])
      expect(mail.mailsTo(nobody).filter(({ text: body }) => body.includes('password-reset'))).toEqual([]);
  });

  it('reach who was invited, and who is expired', async () => {
    const admin = await app.admin();
    const invited = (await answered(201, admin.post('/users', userInput({ password: undefined })))).body;
    expect((await ask(invited.email)).status).toBe(202);
    const [token] = (await tokens(invited.email, 1)) as [string];
    const password = newPassword();
    expect((await confirm(token, password)).status).toBe(204);
    await app.signIn(invited.email, password);
    // The invitation is dead by that.
    const { token: invitation } = invited.invitation;
    const accept = await app.post('/auth/invitations/accept', { token: invitation, password: newPassword() });
    expectProblem(accept, 400, 'validation', 'token');

    const client = await app.createClient({ accessDays: 1 });
    await app.clock.advance(2 * 1440 * MINUTE);
    expect((await ask(client.email)).status).toBe(202);
    const [mailed] = (await tokens(client.email, 1)) as [string];
    expect((await confirm(mailed, newPassword())).status).toBe(204);
  });

  it('expire', async () => {
    const user = await app.createUser();
    await ask(user.email);
    const [token] = (await tokens(user.email, 1)) as [string];
    await app.clock.advance(60 * MINUTE);
    expectProblem(await confirm(token, newPassword()), 400, 'validation', 'token');
  });

  it('kill the link before, and are mailed three times in a quarter of an hour at most', async () => {
    const user = await app.createUser();
    for (let asked = 1; asked <= 3; asked += 1) {
      expect((await ask(user.email)).status).toBe(202);
      await tokens(user.email, asked);
    }
    const [first, second, third] = (await tokens(user.email, 3)) as [string, string, string];
    for (let asked = 0; asked < 4; asked += 1) expect((await ask(user.email.toUpperCase())).status).toBe(202);
    expect(await auditOf(user)).toHaveLength(3);
    for (const dead of [first, second])
      expectProblem(await confirm(dead, newPassword()), 400, 'validation', 'token');
    // Who asks too often kills nothing.
    expect(await rowsOf(user)).toEqual([expect.objectContaining({ token_hash: sha256(third) })]);
    await app.clock.advance(15 * MINUTE);
    expect((await ask(user.email)).status).toBe(202);
    const [, , , fourth] = (await tokens(user.email, 4)) as [string, string, string, string];
    expect((await confirm(fourth, newPassword())).status).toBe(204);
  });

  it('leave the count of failed sign-ins alone', async () => {
    const user = await app.createUser();
    for (let asked = 0; asked < 15; asked += 1) expect((await ask(user.email)).status).toBe(202);
    await user.signIn();
  });

  it('of many at a time leave one link', async () => {
    const user = await app.createUser();
    const replies = await Promise.all(Array.from({ length: 12 }, () => ask(user.email)));
    for (const reply of replies) expect(reply.status).toBe(202);
    expect(await rowsOf(user)).toHaveLength(1);
    expect(await auditOf(user)).toHaveLength(3);
    const [{ token_hash: hash } = { token_hash: '' }] = await rowsOf(user);
    await until(() => mail.mailsTo(user.email).some(({ text }) => sha256(tokenIn(text)) === hash));
    const token = mail
      .mailsTo(user.email)
      .map(({ text }) => tokenIn(text))
      .find((one) => sha256(one) === hash)!;
    const used = await Promise.all(Array.from({ length: 6 }, () => confirm(token, newPassword())));
    expect(used.map(({ status }) => status).sort()).toEqual([204, ...Array<number>(5).fill(400)]);
  });

  it.each([
    undefined,
    null,
    '',
    'no address',
    5,
    ['a@example.com'],
    { $ne: '' },
    'a@b\u0000.com',
    'é\ud800@example.com',
  ])('need an address: %j', async (email) => expectProblem(await ask(email), 400, 'validation', 'email'));

  it('take nothing else', async () => {
    const body = { email: 'a@example.com', url: 'https://evil.example' };
    expectProblem(await app.post('/auth/password-resets', body), 400, 'validation', 'url');
  });

  it('do not kill a link that an operator has printed where nothing is mailed', async () => {
    const bare = await startApp();
    const user = await bare.createUser();
    const { token } = (await bare.cli(['--json', 'admin', 'reset-password', user.email])).json.reset;
    const asked = await bare.post('/auth/password-resets', { email: user.email });
    expect(asked.status).toBe(202);
    const body = { token, newPassword: newPassword() };
    expect((await bare.post('/auth/password-resets/confirm', body)).status).toBe(204);
  });
});
