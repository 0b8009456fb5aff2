import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startApp, type TestApp, until } from './support/app.js';
import { clientInput, newPassword, userInput } from './support/inputs.js';
import { type MailServer, startMailServer } from './support/mail-server.js';

interface OutboxRow {
  id: string;
  template: string;
  content: string | null;
  attempts: number;
  sent_at: unknown;
  failed_at: unknown;
  next_attempt_at: unknown;
  last_error: string | null;
}

const outbox = (app: TestApp) => app.sql<OutboxRow>('SELECT * FROM mail_outbox ORDER BY created_at, id');

/** Sends what waits, by hand. */
async function deliver(app: TestApp): Promise<string> {
  const { code, json, stderr } = await app.cli(['--json', 'jobs', 'run', 'outbox']);
  if (code !== 0) throw new Error(stderr);
  return json.result;
}

const invited = (over: Record<string, unknown> = {}) => clientInput({ password: undefined, ...over });

describe('mail', () => {
  let app: TestApp;
  let server: MailServer;
  beforeAll(async () => {
    server = await startMailServer();
    app = await startApp({
      env: {
        SMTP_URL: server.url,
        MAIL_FROM: 'LTP Labs <catalog@example.com>',
        PUBLIC_URL: 'https://catalog.example.com/app/',
        JOBS_TICK_MS: '100',
      },
    });
  });

  const only = async (address: string) => {
    await until(() => server.mailsTo(address).length > 0);
    return server.mailsTo(address)[0]!;
  };

  it('carries the invitation of a client, and so does the answer; the link works', async () => {
    const admin = await app.admin();
    const input = invited({ name: 'Ana Silva', language: 'en' });
    const { body } = await admin.post('/clients', input);
    const mail = await only(input.email);
    expect(mail).toMatchObject({
      from: 'catalog@example.com',
      subject: 'Your invitation to the LTP Labs demo catalog',
    });
    const link = `https://catalog.example.com/app/invitation?token=${body.invitation.token}`;
    expect(body.invitation.url).toBe(link);
    expect(mail.text).toContain('Hello Ana Silva,');
    expect(mail.text).toContain(link);
    expect(mail.html).toContain(`href="${link}"`);
    expect(mail.headers['auto-submitted']).toBe('auto-generated');
    const [, token = ''] = /token=([\w-]+)/.exec(mail.text) ?? [];
    const accepted = await app.post('/auth/invitations/accept', { token, password: newPassword() });
    expect(accepted.status).toBe(200);
  });

  it('carries the invitations of imported clients, by HTTP and by the command line; their links work', async () => {
    const admin = await app.admin();
    const people = Array.from({ length: 4 }, () => invited());
    const file = (some: typeof people, password = '') =>
      ['name,email,password', ...some.map(({ name, email }) => [name, email, password].join(','))].join('\n');
    const csv = { headers: { 'content-type': 'text/csv' } };
    const imported = await admin.post('/clients/import', file(people.slice(0, 2)), csv);
    expect(imported.body).toEqual({ created: 2 });
    const path = join(app.database.folder, 'clients.csv');
    writeFileSync(path, file(people.slice(2, 3)));
    expect(await app.cli(['import', 'clients', path])).toMatchObject({ code: 0 });
    for (const { email } of people.slice(0, 3)) {
      const { text } = await only(email);
      const [, token = ''] = /token=([\w-]+)/.exec(text) ?? [];
      const accepted = await app.post('/auth/invitations/accept', { token, password: newPassword() });
      expect(accepted.body.account).toMatchObject({ email });
    }
    const before = (await outbox(app)).length;
    const last = await admin.post('/clients/import', file(people.slice(3), newPassword()), csv);
    expect(last.body).toEqual({ created: 1 });
    expect(await outbox(app)).toHaveLength(before);
  });

  it('is not sent for the sample catalog', async () => {
    const before = (await outbox(app)).length;
    expect(await app.cli(['seed', '--force'])).toMatchObject({ code: 0 });
    expect(await app.sql(`SELECT id FROM requests`)).not.toEqual([]);
    expect(await outbox(app)).toHaveLength(before);
  });

  it('speaks the language of the account', async () => {
    const admin = await app.admin();
    const input = userInput({ password: undefined, name: 'João Conceição', language: 'pt' });
    await admin.post('/users', input);
    const mail = await only(input.email);
    expect(mail.subject).toBe('O seu convite para o catálogo de demonstrações da LTP Labs');
    expect(mail.text).toContain('Olá, João Conceição!');
    expect(mail.text).toMatch(/funciona uma só vez, até \d+ de \p{L}+ de \d{4}/u);
    expect(mail.html).toContain('<html lang="pt">');
  });

  it('shows names as text, whatever stands in them', async () => {
    const admin = await app.admin();
    const name = '<img src=x onerror=alert(1)> & "Co" \'s';
    const input = invited({ name });
    await admin.post('/clients', input);
    const mail = await only(input.email);
    expect(mail.html).not.toContain('<img');
    expect(mail.html).toContain('&lt;img src=x onerror=alert(1)&gt; &amp; &quot;Co&quot; &#39;s');
    expect(mail.text).toContain(name);
    expect(mail.to).toBe(input.email);
  });

  it('tells that a password was changed', async () => {
    const client = await app.createClient({ language: 'en' });
    const session = await client.signIn();
    const change = { currentPassword: client.password, newPassword: newPassword() };
    expect((await session.post('/auth/password', change)).status).toBe(204);
    const mail = await only(client.email);
    expect(mail.subject).toBe('Your password was changed');
    expect(mail.text).toContain('https://catalog.example.com/app');
    expect(mail.raw).not.toContain(change.newPassword);
  });

  it('tries a refused recipient again later, and holds nobody up for it', async () => {
    const admin = await app.admin();
    const [wrong, right] = [invited(), invited()];
    server.refuse = (address) => (address === wrong.email ? '550 5.1.1 no such user' : undefined);
    await admin.post('/clients', wrong);
    await admin.post('/clients', right);
    await only(right.email);
    await until(async () => (await outbox(app)).some(({ last_error }) => last_error !== null));
    const row = (await outbox(app)).find(({ last_error }) => last_error !== null)!;
    expect(row).toMatchObject({ attempts: 1, sent_at: null, failed_at: null });
    expect(row.last_error).toContain('no such user');
    expect(server.mailsTo(wrong.email)).toEqual([]);
    // By hand it is tried at once.
    server.refuse = () => undefined;
    expect(await deliver(app)).toBe('1 mail sent');
    expect(server.mailsTo(wrong.email)).toHaveLength(1);
  });

  it('keeps nothing of what was sent, and no address or token in the log', async () => {
    const rows = await outbox(app);
    expect(rows.length).toBeGreaterThan(4);
    for (const row of rows) {
      expect(row).toMatchObject({ content: null, next_attempt_at: null, failed_at: null });
      expect(row.sent_at).not.toBeNull();
    }
    const tokens = server.mails.flatMap(({ text }) => /token=([\w-]+)/.exec(text)?.[1] ?? []);
    expect(tokens.length).toBeGreaterThan(3);
    for (const secret of [...tokens, ...server.mails.map(({ to }) => to)])
      expect(app.output).not.toContain(secret);
  });
});

describe('a mail server that is down for a while', () => {
  let app: TestApp;
  let server: MailServer;
  beforeAll(async () => {
    server = await startMailServer({ up: false });
    app = await startApp({ env: { SMTP_URL: server.url, JOBS_TICK_MS: '100' } });
  });

  it('delays nothing, loses nothing, and each mail arrives once when it is back', async () => {
    const admin = await app.admin();
    const inputs = Array.from({ length: 12 }, () => invited());
    const tokens: string[] = [];
    for (const input of inputs) {
      const begun = performance.now();
      const { status, body } = await admin.post('/clients', input);
      expect(status).toBe(201);
      expect(performance.now() - begun).toBeLessThan(1000);
      tokens.push(body.invitation.token);
    }
    await until(async () => (await outbox(app)).some(({ attempts }) => attempts > 0));
    const waiting = await outbox(app);
    expect(waiting).toHaveLength(12);
    for (const row of waiting) {
      expect(row).toMatchObject({ template: 'invitation', sent_at: null, failed_at: null });
      expect(row.content).toMatch(/^v1\./);
      for (const token of tokens) expect(JSON.stringify(row)).not.toContain(token);
    }
    const jobs = await admin.get('/settings/jobs');
    const job = () => jobs.body.items.find(({ name }: { name: string }) => name === 'outbox');
    expect(job().result).toContain('the mail server takes nothing');
    expect(app.logs.filter(({ msg }) => msg?.includes('The mail server takes nothing'))).toHaveLength(1);

    await server.up();
    await app.clock.advance(5 * 60_000);
    await until(() => server.mails.length >= 12);
    await until(async () => (await outbox(app)).every(({ sent_at }) => sent_at !== null));
    expect(server.mails.map(({ to }) => to).sort()).toEqual(inputs.map(({ email }) => email).sort());
    // Without PUBLIC_URL: the bare token and the call that takes it.
    const first = server.mailsTo(inputs[0]!.email)[0]!;
    expect(first.text).toContain(tokens[0]!);
    expect(first.text).toContain('POST /api/v1/auth/invitations/accept');
  });

  it('is asked once, not for each mail, whether it is back', async () => {
    await server.down();
    const admin = await app.admin();
    for (let count = 0; count < 5; count += 1) await admin.post('/clients', invited());
    const unsent = async () => (await outbox(app)).filter(({ sent_at }) => !sent_at);
    const attempts = async () => (await unsent()).reduce((sum, row) => sum + row.attempts, 0);
    await until(async () => (await unsent()).every((row) => row.last_error !== null || row.attempts === 0));
    await until(async () => (await attempts()) > 0);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = await attempts();
    await app.clock.advance(5 * 60_000);
    await until(async () => (await attempts()) > before);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await attempts()) - before).toBe(1);
    await server.up();
    await deliver(app);
    await until(async () => (await unsent()).length === 0);
  });

  it('outlives a kill −9 of the app', async () => {
    await server.down();
    const admin = await app.admin();
    const input = invited();
    expect((await admin.post('/clients', input)).status).toBe(201);
    await app.kill();
    await server.up();
    await app.start();
    expect(await deliver(app)).toMatch(/mails? sent/);
    expect(server.mailsTo(input.email)).toHaveLength(1);
  });

  it('is given up after five days, and its link forgotten', async () => {
    server.refuse = () => '451 4.3.0 try later';
    const admin = await app.admin();
    const input = invited();
    await admin.patch('/settings/invitation.days', { value: 30 }, { ifMatch: 1 });
    await admin.post('/clients', input);
    // Its own first attempt: rows of mails that were sent keep the error of an earlier one.
    const isWaiting = async () =>
      (await outbox(app)).some(({ last_error, sent_at }) => last_error !== null && sent_at === null);
    await until(isWaiting);
    await app.clock.advance(5 * 86_400_000 + 1000);
    await until(async () => (await outbox(app)).some(({ failed_at }) => failed_at !== null));
    const row = (await outbox(app)).find(({ failed_at }) => failed_at !== null)!;
    expect(row).toMatchObject({ content: null, next_attempt_at: null, sent_at: null });
    expect(row.attempts).toBeGreaterThanOrEqual(2);
    server.refuse = () => undefined;
    expect(await deliver(app)).toBe('no mails sent');
  });

  it('mails no dead link: not of an invitation replaced, accepted or expired, nor to who is erased', async () => {
    await app.clock.reset();
    await server.down();
    const admin = await app.admin();
    const input = invited();
    const { body: client } = await admin.post('/clients', input);
    const again = await admin.post(`/clients/${client.id}/invitation`);
    const erased = invited();
    const { body: other } = await admin.post('/clients', erased);
    await admin.delete(`/clients/${other.id}`, { ifMatch: '*' });
    const accepted = invited();
    const { body: third } = await admin.post('/clients', accepted);
    const { token } = third.invitation;
    await app.post('/auth/invitations/accept', { token, password: newPassword() });
    await server.up();
    await deliver(app);
    await until(() => server.mailsTo(input.email).length > 0);
    const mails = server.mailsTo(input.email);
    expect(mails).toHaveLength(1);
    expect(mails[0]!.text).toContain(again.body.token);
    expect(server.mailsTo(erased.email)).toEqual([]);
    expect(server.mailsTo(accepted.email)).toEqual([]);
  });
});

describe('without SMTP_URL', () => {
  it('nothing is mailed, and the log says so once', async () => {
    const app = await startApp();
    const { body } = await (await app.admin()).post('/clients', invited());
    expect(body.invitation.token).toEqual(expect.any(String));
    expect(await outbox(app)).toEqual([]);
    expect(app.logs.filter(({ msg }) => msg?.includes('nothing is mailed'))).toHaveLength(1);
  });
});
