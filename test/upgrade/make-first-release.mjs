/**
 * Makes the databases of the first released schema that upgrade.e2e-spec.ts starts from:
 *
 *   node test/upgrade/make-first-release.mjs
 *
 * It takes the first release (test/support/release.mjs), builds it, lets it migrate an empty
 * database of each kind, and acts four months out through its own API, by a clock that it sets: every table has rows,
 * every status is there, and names hold whatever a name may hold. What that release had tables but no routes for
 * (requests) is written by SQL. Beside this file it writes
 *
 *   first-release.db.gz             the SQLite file
 *   first-release.sql.gz            the PostgreSQL database: its own DDL, then one INSERT a row
 *   first-release.DIALECT.json.gz   whom to sign in as, and what that release answered to a list of GETs
 *
 * The files are kept, not made anew: that is the point of them. Run again it makes others, with other ids.
 */
import { execFileSync, fork } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import { startPostgres } from '../support/postgres.mjs';
import { buildRelease, FIRST_RELEASE } from '../support/release.mjs';

const DAY = 86_400_000;
const BEGIN = Date.parse('2026-07-01T09:00:00.000Z');
const ODD = "Ünïcødé “q” 's' \\ back; -- DROP TABLE clients; %_ 日本語 👩‍👩‍👧 e\u0301 مرحبا";

const folder = mkdtempSync(join(tmpdir(), 'first-release-'));
chmodSync(folder, 0o711); // PostgreSQL runs under another account where this runs as root
let server;
try {
  const root = await buildRelease(FIRST_RELEASE, folder);
  const file = join(folder, 'first.db');
  save('first-release.sqlite.json.gz', JSON.stringify(await act(root, `sqlite:${file}`)));
  save('first-release.db.gz', compactFile(file));
  server = await startPostgres(join(folder, 'postgres'));
  save('first-release.postgres.json.gz', JSON.stringify(await act(root, server.url)));
  save('first-release.sql.gz', await dumpPostgres(root, server.url));
} finally {
  await server?.stop();
  rmSync(folder, { recursive: true });
}

function save(name, content) {
  const bytes = gzipSync(content, { level: 9 });
  writeFileSync(join(import.meta.dirname, name), bytes);
  console.log(`${name}: ${bytes.length} bytes`);
}

/** Acts the months out and returns what the tests must know. */
async function act(root, url) {
  const known = {
    commit: FIRST_RELEASE,
    jwtSecret: randomBytes(48).toString('base64'),
    admin: { email: 'admin@first-release.example', password: 'seven quiet harbours in the first fog' },
    client: { email: 'ana@first-release.example', password: 'nine lighthouses over a calm estuary' },
  };
  const env = {
    PATH: process.env.PATH,
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: '0',
    DATABASE_URL: url,
    JWT_SECRET: known.jwtSecret,
    ADMIN_EMAIL: known.admin.email,
    ADMIN_PASSWORD: known.admin.password,
    LOG_LEVEL: 'warn',
  };
  const cli = (...args) =>
    execFileSync(process.execPath, [join(root, 'dist/src/cli.js'), ...args], { env, cwd: folder });
  cli('migrate', 'up');
  const app = await start(root, { ...env, TEST_CLOCK: new Date(BEGIN).toISOString() });
  const sql = sqlOn(url);
  await scene(app, sql, known);
  known.at = new Date(app.time).toISOString();
  known.answers = await record(app, known);
  await app.stop();
  cli('admin', 'reset-password', known.client.email);
  known.audit = JSON.parse(cli('--json', 'audit', 'verify').toString());
  known.counts = await counts(sql, url);
  await sql.end();
  return known;
}

/** The four months. */
async function scene(app, sql, known) {
  let admin = await app.signIn(known.admin);
  const signInAgain = async () => (admin = await app.signIn(known.admin));
  const make = (path, body, headers) => admin.post(path, body, headers);

  await make('/users', {
    name: `Zoë ${ODD}`,
    email: 'zoe@first-release.example',
    role: 'viewer',
    language: 'pt',
    password: 'eleven slow trains through the valley',
  });
  const gone = await make('/users', { name: 'Gone', email: 'gone@first-release.example', role: 'admin' });
  const demoted = await make('/users', {
    name: 'Ćevap "Čačkalica"',
    email: 'demoted@first-release.example',
    role: 'admin',
    password: 'a dozen violins beside the harbour',
  });
  await admin.patch(`/users/${demoted.id}`, { role: 'viewer' }, demoted.version);
  await admin.delete(`/users/${gone.id}`, gone.version);

  const image = await make('/images', {
    reference: 'registry.example.com/demos/fleet:1.4',
    description: ODD,
  });
  await make('/images', { reference: `ghcr.io/ltp/unused:latest` });
  const old = await make('/images', { reference: 'registry.example.com/demos/old:0.9' });
  await admin.patch(`/images/${old.id}`, { description: 'Not used any more' }, old.version);

  const demos = [];
  for (const [title, launch] of [
    [`Fleet ${ODD}`, { kind: 'link', url: 'https://fleet.demo.example/?a=1&b=%20#x' }],
    ['Ledger', { kind: 'link', url: 'https://ledger.demo.example' }],
    ['Container', { kind: 'container', imageId: image.id, port: 8080 }],
    ['Withdrawn', { kind: 'link', url: 'https://withdrawn.demo.example' }],
    ['Retired', { kind: 'link', url: 'https://retired.demo.example' }],
    ['Draft', { kind: 'link', url: 'https://draft.demo.example' }],
  ]) {
    const demo = await make('/demos', {
      title,
      summary: `What ${title} shows`,
      description: `Line one\nLine two, of ${ODD}`,
      category: title === 'Ledger' ? 'finance' : 'logistics',
      tags: ['maps', 'ünï'],
      docsUrl: 'https://docs.example.com/ü',
      launch,
    });
    if (title !== 'Draft') await admin.post(`/demos/${demo.id}/publish`);
    demos.push(demo.id);
  }
  const [fleet, ledger, container, withdrawn, retired] = demos;
  await admin.patch(
    '/settings/launch.containerUrlTemplate',
    { value: 'https://{slug}.run.example/{demoSessionId}' },
    1,
  );
  await admin.patch('/settings/reminder.daysBefore', { value: [14, 3] }, 1);
  await admin.patch('/settings/auth.lockAfter', { value: 3 }, 1);

  const clients = {};
  for (const [key, fields] of Object.entries({
    ana: {
      accessDays: 200,
      language: 'pt',
      demoIds: [fleet, ledger, container, withdrawn, retired],
      notes: `Called on Monday.\n${ODD}`,
      company: 'Reis & Filhos, "Lda"',
    },
    ben: { accessDays: 200, demoIds: [fleet, ledger] },
    expired: { accessDays: 20, demoIds: [fleet] },
    revoked: { accessDays: 200, demoIds: [fleet, ledger] },
    reinstated: { accessDays: 200, demoIds: [ledger] },
    erased: { accessDays: 200, demoIds: [fleet], notes: 'To be forgotten' },
    scheduled: {
      accessStartsAt: new Date(BEGIN + 180 * DAY).toISOString(),
      accessEndsAt: new Date(BEGIN + 240 * DAY).toISOString(),
    },
  })) {
    const body = {
      name: `${key} ${ODD}`,
      email: `${key}@first-release.example`,
      password: known.client.password,
      ...fields,
    };
    clients[key] = (await make('/clients', body, { 'idempotency-key': `first-${key}` })).id;
  }
  await admin.post(`/clients/${clients.reinstated}/revoke`, { reason: `For a while: ${ODD}` });
  await admin.post(`/clients/${clients.reinstated}/reinstate`);
  await admin.post(`/clients/${clients.reinstated}/renew`, { days: 30 });
  await admin.post(`/clients/${clients.reinstated}/shorten`, {
    until: new Date(BEGIN + 190 * DAY).toISOString(),
  });
  await admin.put(`/clients/${clients.ben}/demos/${container}`, {
    startsAt: new Date(BEGIN).toISOString(),
    endsAt: new Date(BEGIN + 90 * DAY).toISOString(),
  });

  const signInAs = (key) =>
    app.signIn({ email: `${key}@first-release.example`, password: known.client.password });
  // Twelve weeks of use, two sessions a week and client; every fourth is never activated, every fifth not closed.
  let turn = 0;
  for (let week = 0; week < 12; week += 1) {
    for (const key of ['ana', 'ben', 'expired', 'revoked', 'erased', 'reinstated']) {
      if (key === 'expired' && week > 1) continue;
      const session = await signInAs(key);
      for (const demo of key === 'reinstated'
        ? [ledger]
        : [fleet, ledger].slice(0, ['expired', 'erased'].includes(key) ? 1 : 2)) {
        turn += 1;
        const { demoSessionId } = await session.post(`/demos/${demo}/open`);
        await app.advance(61_000 + turn * 7);
        if (turn % 4) await session.post(`/demo-sessions/${demoSessionId}/heartbeat`);
        await app.advance((1 + (turn % 4)) * 60_000);
        if (turn % 5 && turn % 4) await session.post(`/demo-sessions/${demoSessionId}/close`);
      }
      if (week % 3 === 0) await session.post('/auth/logout');
    }
    await app.advance(7 * DAY - 3_600_000);
  }
  await signInAgain();
  await make('/clients', { name: 'Invited, never came', email: 'invited@first-release.example' });

  // A demo session for each reason that ends one.
  const ana = await signInAs('ana');
  for (const demo of [container, withdrawn, retired]) await ana.post(`/demos/${demo}/open`);
  const ben = await signInAs('ben');
  await ben.post(`/demos/${ledger}/open`);
  const [revoked, erased] = [await signInAs('revoked'), await signInAs('erased')];
  await revoked.post(`/demos/${fleet}/open`);
  await erased.post(`/demos/${fleet}/open`);
  await admin.post(`/demos/${withdrawn}/unpublish`);
  await admin.delete(`/demos/${retired}`, '*');
  await admin.delete(`/clients/${clients.ben}/demos/${ledger}`);
  await admin.post(`/clients/${clients.revoked}/revoke`, { reason: 'The evaluation is over' });
  await admin.delete(`/clients/${clients.erased}`, '*');

  // A refresh token used twice ends its session; a password that changes ends the others.
  const stolen = await signInAs('ben');
  await app.raw('POST', '/auth/refresh', { refreshToken: stolen.refreshToken });
  await app.raw('POST', '/auth/refresh', { refreshToken: stolen.refreshToken });
  const zoe = { email: 'zoe@first-release.example', password: 'eleven slow trains through the valley' };
  await app.signIn(zoe);
  const changing = await app.signIn(zoe);
  await changing.post('/auth/password', {
    currentPassword: zoe.password,
    newPassword: 'twelve slow trains over the mountain',
  });
  const two = await signInAs('reinstated');
  const { items } = await two.get('/auth/sessions');
  await two.delete(`/auth/sessions/${items.find(({ current }) => !current).id}`);

  for (let guess = 0; guess < 4; guess += 1)
    await app.raw('POST', '/auth/login', {
      email: 'demoted@first-release.example',
      password: `guess ${guess}`,
    });
  await app.raw('POST', '/auth/login', { email: 'nobody@first-release.example', password: 'a guess' });

  await requests(sql, clients, { fleet, ledger, container }, app.time);
  // Still signed in, and with a demo open, when the new release comes.
  const live = await app.signIn(known.client);
  await live.post(`/demos/${fleet}/open`);
  known.refreshToken = live.refreshToken;
  known.accessToken = live.accessToken;
  known.clientId = clients.ana;
  known.demoId = ledger;
}

/** Requests of each kind and state; that release had their tables only. */
async function requests(sql, clients, demos, time) {
  const at = (days) => new Date(time + days * DAY).toISOString();
  const rows = [
    ['ana', 'renewal', 'pending'],
    ['ana', 'access', 'pending'],
    ['ben', 'renewal', 'approved'],
    ['ben', 'access', 'approved'],
    ['expired', 'renewal', 'rejected'],
    ['reinstated', 'access', 'rejected'],
    ['revoked', 'renewal', 'cancelled'],
    ['revoked', 'access', 'cancelled'],
  ];
  for (const [index, [client, kind, status]] of rows.entries()) {
    const id = randomUUID();
    const decided = status !== 'pending';
    const byUser = decided && status !== 'cancelled';
    await sql.insert('requests', {
      id,
      client_id: clients[client],
      kind,
      status,
      days: kind === 'renewal' ? 30 + index : null,
      message: index % 2 ? null : `Please: ${ODD}`,
      note: byUser ? `Said ${status}` : null,
      decided_by_kind: decided ? (byUser ? 'user' : 'client') : null,
      decided_by_id: decided && !byUser ? clients[client] : null,
      decided_at: decided ? sql.instant(at(-1)) : null,
      version: decided ? 2 : 1,
      created_at: sql.instant(at(-3)),
      updated_at: sql.instant(at(decided ? -1 : -3)),
    });
    if (kind === 'access')
      for (const [position, demo] of Object.values(demos).entries())
        await sql.insert('request_items', {
          request_id: id,
          demo_id: demo,
          approved: byUser ? sql.flag(status === 'approved' && position === 0) : null,
        });
  }
}

/** What this release answers; the next ones may add fields, and must not change these. */
async function record(app, known) {
  const from = new Date(BEGIN).toISOString();
  const query = `from=${from}&to=${new Date(app.time).toISOString()}`;
  const paths = {
    admin: [
      '/users?limit=100',
      '/clients?limit=100',
      '/clients?status=revoked',
      `/clients?search=${encodeURIComponent('日本語')}`,
      `/clients/${known.clientId}`,
      `/clients/${known.clientId}/demos`,
      `/clients/${known.clientId}/access?at=${new Date(app.time - 40 * DAY).toISOString()}`,
      '/demos?limit=100',
      '/images?limit=100',
      `/analytics/overview?${query}`,
      `/analytics/demos?${query}`,
      `/analytics/clients?${query}`,
      `/analytics/opens?bucket=week&${query}`,
      '/demo-sessions?limit=20',
      '/audit?limit=20',
    ],
    client: ['/auth/me', '/demos?limit=100', `/demos/${known.demoId}`],
  };
  const answers = {};
  for (const [who, list] of Object.entries(paths)) {
    const session = await app.signIn(known[who]);
    answers[who] = {};
    for (const path of list) answers[who][path] = await session.get(path);
  }
  return answers;
}

/** The built release under a clock of its own; every call must succeed, but those by `raw`. */
async function start(root, env) {
  const child = fork(join(root, 'test/support/app-process.mjs'), {
    cwd: folder,
    env,
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const url = await new Promise((resolve, reject) => {
    child.on('message', ({ ready }) => ready && resolve(ready.replace('//localhost', '//127.0.0.1')));
    child.once('exit', (code) => reject(new Error(`The release ended with code ${code}`)));
  });
  const app = {
    time: BEGIN,
    async advance(milliseconds) {
      app.time += milliseconds;
      await command(child, 'set', new Date(app.time).toISOString());
    },
    raw: (method, path, body, headers = {}) =>
      fetch(`${url}/api/v1${path}`, {
        method,
        headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
        body: body && JSON.stringify(body),
      }),
    async signIn({ email, password }) {
      const { accessToken, refreshToken } = await call('POST', '/auth/login', { email, password });
      const authorization = `Bearer ${accessToken}`;
      const match = (version) =>
        version !== undefined && { 'if-match': version === '*' ? '*' : `"${version}"` };
      return {
        accessToken,
        refreshToken,
        get: (path) => call('GET', path, undefined, { authorization }),
        post: (path, body, headers) => call('POST', path, body, { authorization, ...headers }),
        put: (path, body) => call('PUT', path, body, { authorization }),
        patch: (path, body, version) => call('PATCH', path, body, { authorization, ...match(version) }),
        delete: (path, version) => call('DELETE', path, undefined, { authorization, ...match(version) }),
      };
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
  async function call(method, path, body, headers) {
    const reply = await app.raw(method, path, body, headers);
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }
  for (;;) {
    const live = await fetch(`${url}/health/ready`);
    const first =
      live.ok &&
      (await app.raw('POST', '/auth/login', { email: env.ADMIN_EMAIL, password: env.ADMIN_PASSWORD }));
    if (first.ok) return app;
  }
}

function command(child, name, value) {
  const id = Math.random();
  return new Promise((resolve) => {
    const answer = (message) => {
      if (message.id !== id) return;
      child.off('message', answer);
      resolve(message.result);
    };
    child.on('message', answer).send({ id, command: name, value });
  });
}

function openSqlite(path) {
  const name = Number.parseInt(process.versions.node) < 22 ? 'better-sqlite3-node20' : 'better-sqlite3';
  return new (createRequire(import.meta.url)(name))(path, { timeout: 5000 });
}

/** The words in which a row is written by hand on each database. */
function sqlOn(url) {
  if (url.startsWith('sqlite:')) {
    const database = openSqlite(url.slice('sqlite:'.length));
    return {
      query: async (text) => database.prepare(text).all(),
      insert: async (table, row) => {
        const names = Object.keys(row);
        database
          .prepare(`INSERT INTO ${table} (${names}) VALUES (${names.map(() => '?')})`)
          .run(...Object.values(row));
      },
      instant: (iso) => iso.replace('T', ' ').replace('Z', ''),
      flag: Number,
      end: async () => void database.close(),
    };
  }
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  return {
    query: async (text) => (await pool.query(text)).rows,
    insert: async (table, row) => {
      const names = Object.keys(row);
      const places = names.map((_, index) => `$${index + 1}`);
      await pool.query(`INSERT INTO ${table} (${names}) VALUES (${places})`, Object.values(row));
    },
    instant: (iso) => iso,
    flag: Boolean,
    end: () => pool.end(),
  };
}

/** Rows of each table, and for the columns with a fixed set of words how often each is there. */
async function counts(sql, url) {
  const tables = url.startsWith('sqlite:')
    ? await sql.query(
        `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`,
      )
    : await sql.query(
        `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`,
      );
  const rows = {};
  for (const { name } of tables)
    rows[name] = Number((await sql.query(`SELECT count(*) AS n FROM "${name}"`))[0].n);
  const empty = Object.keys(rows).filter((name) => rows[name] === 0);
  if (empty.length > 0) throw new Error(`Nothing is in ${empty.join(', ')}`);
  const words = {};
  for (const column of [
    'users.role',
    'clients.language',
    'demos.status',
    'demos.launch_kind',
    'demo_sessions.end_reason',
    'sessions.end_reason',
    'requests.kind',
    'requests.status',
    'usage_analytics.kind',
    'account_tokens.purpose',
    'audit_log.actor_kind',
  ]) {
    const [table, name] = column.split('.');
    const found = await sql.query(
      `SELECT ${name} AS word, count(*) AS n FROM ${table} WHERE ${name} IS NOT NULL GROUP BY ${name} ORDER BY ${name}`,
    );
    words[column] = Object.fromEntries(found.map(({ word, n }) => [word, Number(n)]));
  }
  console.log(rows, words);
  return { rows, words };
}

/** The SQLite file without its free pages and without a journal beside it. */
function compactFile(path) {
  const database = openSqlite(path);
  const compact = join(folder, 'compact.db');
  database.exec(`VACUUM INTO '${compact}'`);
  database.close();
  return readFileSync(compact);
}

/** The DDL of the release's own `migrate up --plan`, then the rows in the order of the tables. */
async function dumpPostgres(root, url) {
  const empty = new URL(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('CREATE DATABASE empty');
  empty.pathname = '/empty';
  const env = { PATH: process.env.PATH, DATABASE_URL: empty.href };
  const args = [join(root, 'dist/src/cli.js'), 'migrate', 'up', '--plan'];
  const plan = execFileSync(process.execPath, args, { env, cwd: folder, encoding: 'utf8' });
  const lines = [
    `CREATE TABLE "migrations" ("id" integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, "timestamp" bigint NOT NULL, "name" varchar(200) NOT NULL, "checksum" varchar(64) NOT NULL, "applied_at" timestamptz(3) NOT NULL);`,
    plan,
  ];
  const tables = ['migrations', ...[...plan.matchAll(/CREATE TABLE "(\w+)"/g)].map(([, name]) => name)];
  for (const table of tables) {
    const { fields } = await client.query(`SELECT * FROM "${table}" LIMIT 0`);
    const names = fields.map(({ name }) => `"${name}"`);
    const values = names.map((name) => `quote_nullable(${name}::text)`).join(` || ', ' || `);
    const { rows } = await client.query(`SELECT ${values} AS row FROM "${table}" ORDER BY 1`);
    for (const { row } of rows) lines.push(`INSERT INTO "${table}" (${names.join(', ')}) VALUES (${row});`);
  }
  lines.push(
    `SELECT setval(pg_get_serial_sequence('migrations', 'id'), (SELECT max("id") FROM "migrations"));`,
  );
  await client.end();
  return `${lines.join('\n')}\n`;
}
