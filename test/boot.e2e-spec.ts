/** What stops the product from starting, and what leaves it live but not ready (quality.md, Security 18; Faults 3, 11, 18). */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, until, type TestApp } from './support/app.js';
import { dialect, freshDatabase, newFolder, openSqlite } from './support/database.js';
import { expectProblem } from './support/http.js';
import { userInput } from './support/inputs.js';

const MAIN = join(import.meta.dirname, '../dist/src/main.js');
const postgres = dialect() === 'postgres';

/** Runs main.js until it ends; for starts that fail. */
function start(
  env: Record<string, string | undefined>,
  cwd = newFolder(),
): Promise<{ code: number | null; output: string }> {
  const defined = Object.fromEntries(
    Object.entries({ PATH: process.env.PATH, PORT: '0', ...env }).filter(([, value]) => value !== undefined),
  );
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN],
      { cwd, env: defined, timeout: 20_000 },
      (_, stdout, stderr) => {
        resolve({ code: child.exitCode, output: stdout + stderr });
      },
    );
  });
}

describe('the log', () => {
  it.each(['process.exit(3)', 'throw new Error()'])('has its last line before %s', async (end) => {
    const log = join(import.meta.dirname, '../dist/src/common/log.js');
    const script = `import { serverLog } from ${JSON.stringify(log)}; serverLog('info').info('last words'); ${end};`;
    const output = await new Promise<string>((resolve) => {
      execFile(process.execPath, ['--input-type=module', '--eval', script], (_, stdout) => resolve(stdout));
    });
    expect(
      output
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as object),
    ).toEqual([{ level: 'info', time: expect.stringMatching(/Z$/), msg: 'last words' }]);
  });
});

describe('in development', () => {
  it('`serve --sample` migrates, makes the first administrator and the sample, and serves both', async () => {
    const { url } = await freshDatabase({ migrated: false });
    const cli = join(import.meta.dirname, '../dist/src/cli.js');
    const server = spawn(process.execPath, [cli, 'serve', '--sample'], {
      cwd: newFolder(),
      env: { PATH: process.env.PATH, PORT: '0', DATABASE_URL: url },
    });
    const ended = once(server, 'close');
    try {
      let output = '';
      for (const stream of [server.stdout, server.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => (output += text));
      await until(() => /Sample .*Their password/.test(output), 60_000);
      const read = (pattern: RegExp) => pattern.exec(output)![1]!;
      const api = read(/API +(\S+)/).replace('localhost', '127.0.0.1');
      const meOf = async (email: string, password: string) => {
        const headers = { 'content-type': 'application/json' };
        const body = JSON.stringify({ email, password });
        const login = await fetch(`${api}/auth/login`, { method: 'POST', headers, body });
        const { accessToken } = (await login.json()) as { accessToken: string };
        const me = await fetch(`${api}/auth/me`, { headers: { authorization: `Bearer ${accessToken}` } });
        return me.json();
      };
      const first = read(/Sign in +(\S+)/);
      expect(await meOf(first, read(/Sign in +\S+\s+(\S+)/))).toMatchObject({ email: first, role: 'admin' });
      const sample = 'vera.lima@sample.example';
      const password = read(/Their password: (\S+)/);
      expect(await meOf(sample, password)).toMatchObject({ email: sample, role: 'viewer' });
    } finally {
      server.kill('SIGTERM');
    }
    expect(await ended).toEqual([0, null]);
  });
});

describe('in production', () => {
  const good = () => randomBytes(48).toString('base64');
  const dataKey = () => randomBytes(32).toString('base64');

  it.each<[string, string | undefined]>([
    ['no secret', undefined],
    ['a short one', 'tooshort'],
    ['an example', 'change-me-change-me-change-me-change-me'],
  ])('%s stops the start, naming JWT_SECRET', async (_, secret) => {
    const { code, output } = await start({
      NODE_ENV: 'production',
      DATABASE_URL: 'sqlite:./x.db',
      JWT_SECRET: secret,
    });
    expect(code).toBe(1);
    expect(output).toContain('JWT_SECRET');
    if (secret) expect(output).not.toContain(secret);
  });

  it('every fault is named at once, by its variable, without the value of a secret', async () => {
    const { code, output } = await start({
      NODE_ENV: 'production',
      DATABASE_URL: 'mysql://root:hunter22@db/catalog',
      JWT_SECRET_FILE: '/nowhere/secret',
      PORT: 'eighty',
      ADMIN_EMAIL: 'admin@example.com',
      CORS_ORIGINS: '*',
      TRUSTED_PROXIES: 'proxy',
      LOG_LEVEL: 'loud',
      PUBLIC_URL: 'javascript:alert(1)',
    });
    expect(code).toBe(1);
    for (const name of [
      'DATABASE_URL',
      'JWT_SECRET',
      'PORT',
      'ADMIN_PASSWORD',
      'CORS_ORIGINS',
      'TRUSTED_PROXIES',
      'LOG_LEVEL',
      'PUBLIC_URL',
    ])
      expect(output).toContain(name);
    expect(output).not.toContain('hunter22');
    expect(output).not.toMatch(/\n\s+at /);
  });

  it('a weak first administrator stops the start, and a misspelt environment', async () => {
    const common = { DATABASE_URL: 'sqlite:./x.db', JWT_SECRET: good(), DATA_KEY: dataKey() };
    const weak = {
      ...common,
      NODE_ENV: 'production',
      ADMIN_EMAIL: 'admin@example.com',
      ADMIN_PASSWORD: 'password1234567',
    };
    const first = await start(weak);
    expect(first).toMatchObject({ code: 1, output: expect.stringContaining('ADMIN_PASSWORD') });
    expect(first.output).not.toContain('password1234567');
    const folder = newFolder();
    expect(await start({ ...common, NODE_ENV: 'prod' }, folder)).toMatchObject({
      code: 1,
      output: expect.stringContaining('NODE_ENV'),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('secrets come from files', async () => {
    const folder = newFolder();
    const database = await freshDatabase();
    const files = {
      JWT_SECRET: good(),
      DATA_KEY: dataKey(),
      DATABASE_URL: database.url,
      ADMIN_PASSWORD: 'a-lighthouse-of-Zanzibar-42',
    };
    for (const [name, value] of Object.entries(files))
      writeFileSync(join(folder, name), `${value}\n`, { mode: 0o600 });
    const env = Object.fromEntries(
      Object.keys(files).flatMap((name) => [
        [name, undefined],
        [`${name}_FILE`, join(folder, name)],
      ]),
    );
    const app = await startApp({ database, env });
    const signedIn = await app.post('/auth/login', {
      email: app.env.ADMIN_EMAIL,
      password: files.ADMIN_PASSWORD,
    });
    expect(signedIn.status).toBe(200);
    expect(await app.database.sql('SELECT id FROM users')).toHaveLength(1);
  });
});

/** Live, not ready, and every call that needs the database 503; the log says why and what to do. */
async function expectNotReady(app: TestApp, reason: RegExp, hint: RegExp): Promise<void> {
  const sentence = () => app.logs.find(({ level, msg = '' }) => level === 'error' && reason.test(msg));
  await until(() => sentence() !== undefined);
  expect(sentence()?.msg).toMatch(hint);
  for (let time = 0; time < 3; time += 1) {
    expect((await app.raw('GET', '/health/live')).status).toBe(200);
    expect((await app.raw('GET', '/health/ready')).status).toBe(503);
    const signIn = await app.post('/auth/login', { email: 'a@example.com', password: 'x' });
    expectProblem(signIn, 503, 'unavailable');
    expect(Number(signIn.headers['retry-after'])).toBeGreaterThan(0);
    expect(signIn.text).not.toMatch(/sqlite|postgres|\.db|127\.0\.0\.1:\d/i);
    await sleep(300);
  }
}

describe('a database that is not migrated', () => {
  it('leaves the server live but not ready, until somebody migrates it', async () => {
    const database = await freshDatabase({ migrated: false });
    if (!postgres)
      for (const sql of ['CREATE TABLE gone (id integer)', 'DROP TABLE gone']) await database.sql(sql);
    const app = await startApp({ database, ready: false });
    await expectNotReady(app, /not applied/, /ecatalog migrate up/);
    const tables = postgres
      ? await database.sql(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)
      : await database.sql('SELECT name FROM sqlite_master');
    expect(tables).toEqual([]);
    expect(await app.cli(['migrate', 'up'])).toMatchObject({ code: 0 });
    await app.untilReady();
    await until(async () => (await app.sql('SELECT id FROM users')).length > 0);
    await app.admin();
  });
});

describe('a database that cannot be reached', () => {
  it('leaves the server live but not ready, and says what to do', async () => {
    const database = await freshDatabase();
    if (postgres) {
      const url = new URL(database.url);
      url.port = '1';
      url.password = 'hunter22';
      const app = await startApp({ database, ready: false, env: { DATABASE_URL: url.href } });
      await expectNotReady(app, /.+/, /.+/);
      expect(app.output).not.toContain('hunter22');
      return;
    }
    const path = join(newFolder(), 'missing.db');
    const app = await startApp({ database, ready: false, env: { DATABASE_URL: `sqlite:${path}` } });
    await expectNotReady(app, /does not exist/, /restore a backup/);
    expect(existsSync(path)).toBe(false);
    // The volume was attached late: it goes on by itself.
    copyFileSync(database.url.replace('sqlite:', ''), path);
    await app.untilReady();
    expect((await app.post('/auth/login', { email: 'a@example.com', password: 'x' })).status).toBe(401);
  });
});

if (!postgres) {
  describe('a SQLite file', () => {
    it.each<[string, (path: string) => void]>([
      ['of something else', (path) => writeFileSync(path, 'This is no database. '.repeat(1000))],
      ['cut in the middle', (path) => truncateSync(path, 20_480)],
      [
        'with pages overwritten',
        (path) => {
          const bytes = readFileSync(path);
          bytes.fill(0xa5, 8192, bytes.length - 8192);
          writeFileSync(path, bytes);
        },
      ],
    ])('%s leaves the server live but not ready, and as it was', async (_, damage) => {
      const database = await freshDatabase();
      const path = database.url.replace('sqlite:', '');
      damage(path);
      const before = readFileSync(path);
      const app = await startApp({ database, ready: false });
      await expectNotReady(app, /damaged|no SQLite|not a database/i, /backup/);
      expect(readFileSync(path).equals(before)).toBe(true);
    });

    it('has one server: a second one is live but not ready, says so, and takes over when the first has gone', async () => {
      const first = await startApp();
      const second = await startApp({
        database: first.database,
        ready: false,
        env: { JWT_SECRET: first.env.JWT_SECRET },
      });
      await expectNotReady(second, /[Aa]nother process/, /Stop it/);
      const admin = await first.admin();
      expect((await admin.post('/users', userInput())).status).toBe(201);
      // The command line reads beside it.
      expect((await first.cli(['migrate', 'status'])).code).toBe(0);
      await first.kill();
      await second.untilReady();
      expect((await second.get('/auth/me', { token: admin.accessToken })).status).toBe(200);
    });

    it('held by another process answers writes 503 within the lane’s deadline, and reads and liveness as ever', async () => {
      const app = await startApp({ env: { WRITE_LANE_TIMEOUT_MS: '2000' } });
      const admin = await app.admin();
      const user = userInput({ password: undefined });
      const other = openSqlite(app.database.url.replace('sqlite:', ''));
      other.exec('BEGIN IMMEDIATE');
      try {
        const began = performance.now();
        let answered = 0;
        const writes = Array.from({ length: 10 }, () =>
          admin.post('/users', user).finally(() => (answered += 1)),
        );
        for (let time = 0; time < 5; time += 1) {
          expect((await app.raw('GET', '/health/live')).status).toBe(200);
          expect((await admin.get('/users')).status).toBe(200);
        }
        // All that while every write was still waiting: nothing waits behind them, and no lock stops the event loop.
        expect(answered).toBe(0);
        for (const reply of await Promise.all(writes)) {
          expectProblem(reply, 503, 'unavailable');
          expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
        }
        expect(performance.now() - began).toBeLessThan(5000);
      } finally {
        other.close();
      }
      expect((await admin.post('/users', user)).status).toBe(201);
    });
  });
}
