import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { startApp, type TestApp } from './support/app.js';
import { expectProblem } from './support/http.js';
import { newPassword } from './support/inputs.js';

describe('the command line beside a running server', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });

  it('answers misuse with 2 and a failure with 1', async () => {
    expect((await app.cli(['migrate', 'sideways'])).code).toBe(2);
    expect((await app.cli(['migrate', 'down', 'none'])).code).toBe(2);
    expect((await app.cli(['--help'])).code).toBe(0);
    const failed = await app.cli(['admin', 'reset-password', 'nobody@example.com']);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('Nobody has the e-mail nobody@example.com');
  });

  it('makes an administrator by invitation', async () => {
    const { json } = await app.cli([
      '--json',
      'admin',
      'create',
      '--email',
      'second@example.com',
      '--name',
      'Second',
    ]);
    const password = newPassword();
    const accepted = await app.post('/auth/invitations/accept', { token: json.invitation.token, password });
    expect(accepted.body.account).toMatchObject({ email: 'second@example.com', role: 'admin' });
  });

  it('makes an administrator with a password from standard input, never from an argument', async () => {
    const password = newPassword();
    const made = await app.cli(['admin', 'create', '--email', 'third@example.com', '--password'], {
      input: `${password}\n`,
    });
    expect(made).toMatchObject({ code: 0, stdout: 'third@example.com is an administrator.\n' });
    expect((await app.signIn('third@example.com', password)).account.role).toBe('admin');
    const weak = await app.cli(['admin', 'create', '--email', 'weak@example.com', '--password'], {
      input: 'short\n',
    });
    expect(weak.code).toBe(1);
    expect(weak.stderr).toContain('password: must have at least 15 characters');
  });

  it('prints a single-use link that sets a new password and ends the sessions', async () => {
    const user = await app.createUser();
    const session = await user.signIn();
    const first = await app.cli(['--json', 'admin', 'reset-password', user.email]);
    const second = await app.cli(['--json', 'admin', 'reset-password', user.email.toUpperCase()]);
    const newOne = newPassword();
    const confirm = (token: string) =>
      app.post('/auth/password-resets/confirm', { token, newPassword: newOne });
    expectProblem(await confirm(first.json.reset.token), 400, 'validation', 'token');
    expect((await confirm(second.json.reset.token)).status).toBe(204);
    expectProblem(await confirm(second.json.reset.token), 400, 'validation', 'token');
    expectProblem(await session.get('/auth/me'), 401, 'unauthenticated');
    await app.signIn(user.email, newOne);
  });

  it('verifies the audit chain, also against a head that was kept', async () => {
    const whole = await app.cli(['--json', 'audit', 'verify']);
    expect(whole).toMatchObject({ code: 0, json: { valid: true } });
    const { head, entries } = whole.json;
    expect((await app.cli(['audit', 'verify', '--head', head])).code).toBe(0);
    const strange = await app.cli(['audit', 'verify', '--head', 'f'.repeat(64)]);
    expect(strange.code).toBe(1);
    expect(strange.stderr).toContain('No entry has the hash');
    const lines = (await app.cli(['audit', 'export'])).stdout.trim().split('\n');
    expect(JSON.parse(lines.at(-1)!)).toEqual({ head, entries });
    expect(lines).toHaveLength(Number(entries) + 1);
  });

  it('finds the schema and the environment in order', async () => {
    expect(await app.cli(['--json', 'schema', 'verify'])).toMatchObject({ code: 0, json: { valid: true } });
    const doctor = await app.cli(['doctor']);
    expect(doctor.stdout).toContain('Every migration is applied');
    expect(doctor.code).toBe(0);
  });

  it('says in words what is wrong with the environment', async () => {
    const doctor = await app.cli(['doctor'], { env: { JWT_SECRET: 'short', PORT: 'many' } });
    expect(doctor.code).toBe(1);
    expect(doctor.stdout).toMatch(/WRONG\s+PORT: must be a whole number/);
    expect(doctor.stdout).toMatch(/WRONG\s+JWT_SECRET: is too short/);
    expect(`${doctor.stdout}${doctor.stderr}`).not.toContain('short\n');
  });

  it('names a drift, and doctor too', async () => {
    await app.sql('CREATE TABLE stray (id integer)');
    const verify = await app.cli(['schema', 'verify']);
    expect(verify.code).toBe(1);
    expect(verify.stderr).toContain('table stray is extra');
    expect((await app.cli(['doctor'])).stdout).toMatch(/WRONG\s+Schema: table stray is extra/);
    await app.sql('DROP TABLE stray');
  });
});

describe('the command line on a database of its own', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
    await app.stop();
  });

  it('goes down and up again, and plans without changing anything', async () => {
    const { json: before } = await app.cli(['--json', 'migrate', 'status']);
    expect(before.pending).toEqual([]);
    const last = before.applied.at(-1);
    expect((await app.cli(['--json', 'migrate', 'down'])).json).toEqual({ undone: [last] });
    const plan = await app.cli(['migrate', 'up', '--plan']);
    expect(plan.stdout).toMatch(new RegExp(`-- ${last}\n(CREATE|ALTER) TABLE `));
    expect((await app.cli(['--json', 'migrate', 'status'])).json.pending).toEqual([last]);
    expect((await app.cli(['schema', 'verify'])).code).toBe(1);
    const needsIt = await app.cli(['audit', 'verify']);
    expect(needsIt.code).toBe(1);
    expect(needsIt.stderr).toContain('Run `ecatalog migrate up`');
    expect((await app.cli(['--json', 'migrate', 'up'])).json).toMatchObject({ applied: [last], pending: [] });
    expect(await app.cli(['migrate', 'up'])).toMatchObject({ code: 0, stdout: 'Nothing to apply.\n' });
  });

  it('takes a newer schema as it is, with a warning', async () => {
    const columns = `"timestamp", "name", "checksum", "applied_at"`;
    const [row] = await app.sql<{ name: string }>('SELECT name FROM migrations ORDER BY id DESC LIMIT 1');
    expect(row).toBeDefined();
    await app.sql(
      `INSERT INTO migrations (${columns}) SELECT 9999999999999, 'Later9999999999999', checksum, applied_at FROM migrations WHERE name = ?`,
      [row!.name],
    );
    const up = await app.cli(['migrate', 'up']);
    expect(up).toMatchObject({ code: 0, stdout: 'Nothing to apply.\n' });
    expect(up.stderr).toContain('ahead of this release by Later9999999999999');
    await app.sql(`DELETE FROM migrations WHERE name = 'Later9999999999999'`);
  });

  it('refuses a changed checksum', async () => {
    const [row] = await app.sql<{ name: string; checksum: string }>(
      'SELECT name, checksum FROM migrations ORDER BY id LIMIT 1',
    );
    await app.sql('UPDATE migrations SET checksum = ? WHERE name = ?', ['0'.repeat(64), row!.name]);
    const up = await app.cli(['migrate', 'up']);
    expect(up.code).toBe(1);
    expect(up.stderr).toContain(row!.name);
    await app.sql('UPDATE migrations SET checksum = ? WHERE name = ?', [row!.checksum, row!.name]);
  });

  it('loads the sample once, and only when forced in production', async () => {
    expect((await app.cli(['seed'])).code).toBe(1);
    const first = await app.cli(['--json', 'seed', '--force']);
    expect(first).toMatchObject({ code: 0, json: { users: 3, images: 5, demos: 5, clients: 6 } });
    expect(first.json.demoSessions).toBeGreaterThan(50);
    const second = await app.cli(['--json', 'seed', '--force']);
    expect(second.json).toEqual({ users: 0, images: 0, demos: 0, clients: 0, demoSessions: 0 });
    await app.start();
    const admin = await app.signIn('marta.nunes@sample.example', first.json.password);
    const { body } = await admin.get('/analytics/overview', { query: { from: '2000-01-01T00:00:00Z' } });
    expect(body.clients).toEqual({ active: 3, scheduled: 1, expired: 1, revoked: 1 });
    expect(body.pendingRequests).toBeGreaterThan(0);
    expect((await admin.get('/audit/verify')).body.valid).toBe(true);
    await app.stop();
  });
});

describe('a SQLite file', () => {
  it('is not migrated beside its server, and a missing one is not made by a command', async () => {
    const app = await startApp();
    if (app.dialect === 'postgres') return;
    const file = join(app.database.folder, 'elsewhere.db');
    const missing = await app.cli(['audit', 'verify'], { env: { DATABASE_URL: `sqlite:${file}` } });
    expect(missing.code).toBe(1);
    expect(existsSync(file)).toBe(false);
    copyFileSync(process.env.TEST_SQLITE_TEMPLATE!, file);
    const down = await app.cli(['migrate', 'down'], { env: { DATABASE_URL: `sqlite:${file}` } });
    expect(down.code).toBe(0);
    const beside = await app.cli(['migrate', 'down']);
    expect(beside.code).toBe(1);
    expect(beside.stderr).toContain('Another process already serves');
  });
});
