/** Headers, CORS, the log, and where secrets are not (quality.md, Security 14, 21, 22; Faults 16). */
import { startApp, type TestApp } from './support/app.js';
import { expectProblem } from './support/http.js';
import { clientInput, newPassword, unique, userInput } from './support/inputs.js';

describe('the log', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ env: { LOG_LEVEL: 'trace' } });
  });

  it('is one JSON line a request, whatever the headers hold', async () => {
    const mark = unique();
    const agents = [`${mark}-tab\there`, `${mark}-\u00e9\u0085\u009b31m`, `${mark}-"},{"level":"fatal"`];
    for (const agent of agents) {
      const head = `GET /api/v1/auth/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: ${agent}\r\n\r\n`;
      await app.wire(Buffer.from(head, 'latin1'));
    }
    // Neither a line break nor an escape gets into a header: the parser refuses it.
    for (const agent of [`${mark}-\u001b[31mred`, `${mark}-\nInjected: x`, `${mark}-\rx`, `${mark}-\u0000`])
      await app.wire(
        Buffer.from(
          `GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: ${agent}\r\n\r\n`,
          'latin1',
        ),
      );
    await app.flushLogs();
    const lines = app.output.split('\n').filter((line) => line.includes(mark));
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({ level: 'info', msg: 'request' });
      // eslint-disable-next-line no-control-regex -- control characters are what is looked for
      expect(line).not.toMatch(/[\u0000-\u001f]/);
    }
    expect(lines.length).toBeGreaterThanOrEqual(agents.length);
    expect(app.output.split('\n').filter((line) => line && !line.startsWith('{'))).toEqual([]);
  });

  it('keeps no line break or escape of an e-mail', async () => {
    const mark = unique();
    for (const email of [`${mark}\r\n{"level":"fatal"}@example.com`, `${mark}\u001b[31m@example.com`])
      expectProblem(await app.post('/auth/login', { email, password: 'x' }), 400, 'validation', 'email');
    await app.flushLogs();
    expect(app.output).not.toContain(mark);
  });

  it('names the caller and the route, and not what was asked', async () => {
    const admin = await app.admin();
    const mark = unique();
    const reply = await admin.get('/clients', { query: { search: mark } });
    const line = () => app.logs.find(({ requestId }) => requestId === reply.headers['x-request-id']);
    await app.flushLogs();
    expect(line()).toMatchObject({
      method: 'GET',
      route: '/api/v1/clients',
      path: '/api/v1/clients',
      status: 200,
      ip: '127.0.0.1',
      actor: `user:${admin.account.id}`,
    });
    expect(app.output).not.toContain(mark);
  });
});

describe('secrets', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ env: { LOG_LEVEL: 'trace' } });
  });

  /** Every table but those that hold what signs in. */
  async function tables(): Promise<string> {
    const names = ['users', 'clients', 'audit_log', 'idempotency_keys', 'sessions', 'demos', 'system_config'];
    return JSON.stringify(await Promise.all(names.map((name) => app.sql(`SELECT * FROM ${name}`))));
  }

  it('are in no answer, log line or table that does not need them', async () => {
    const admin = await app.admin();
    const secrets = [
      String(app.env.JWT_SECRET),
      String(app.env.ADMIN_PASSWORD),
      admin.accessToken,
      admin.refreshToken,
    ];
    const answers: string[] = [];
    const heard = <T extends { text: string }>(reply: T): T => {
      answers.push(reply.text);
      return reply;
    };

    const user = userInput({ role: 'admin' });
    const client = clientInput();
    const wrong = newPassword();
    const changed = newPassword();
    secrets.push(user.password, client.password, wrong, changed);
    heard(await admin.post('/users', user, { idempotencyKey: unique() }));
    const { id } = heard(await admin.post('/clients', client, { idempotencyKey: unique() })).body;
    heard(await admin.post('/users', { ...user, password: 'short' }));
    heard(await app.post('/auth/login', { email: user.email, password: wrong }));
    const session = await app.signIn(client.email, client.password);
    secrets.push(session.accessToken, session.refreshToken);
    heard(await session.post('/auth/password', { currentPassword: wrong, newPassword: changed }));
    heard(await session.post('/auth/password', { currentPassword: client.password, newPassword: changed }));
    const invited = await admin.post('/users', userInput({ password: undefined }), {
      idempotencyKey: unique(),
    });
    secrets.push(invited.body.invitation.token);
    for (const path of [
      '/users',
      `/clients/${id}`,
      '/clients',
      '/audit',
      '/settings',
      '/auth/me',
      '/auth/sessions',
    ])
      heard(await admin.get(path));
    for (const path of [
      '/health/database',
      '/health/ready',
      '/docs/openapi.json',
      '/docs',
      '/docs/openapi.yaml',
    ])
      heard(await admin.raw('GET', path));

    const stored = await app.sql<Record<string, string>>('SELECT password_hash FROM credentials');
    const hashes = stored.map(({ password_hash }) => password_hash).filter(Boolean) as string[];
    const tokens = await app.sql<Record<string, string>>('SELECT token_hash FROM refresh_tokens');
    hashes.push(...tokens.map(({ token_hash }) => token_hash as string));
    expect(hashes.length).toBeGreaterThan(4);
    await app.flushLogs();
    const everywhere = { answers: answers.join('\n'), log: app.output, tables: await tables() };
    for (const [where, text] of Object.entries(everywhere))
      for (const secret of [...secrets, ...hashes])
        expect(`${where}: ${text.includes(secret) ? secret : ''}`).toBe(`${where}: `);
  });

  it('are not in the log of an error either, nor is the change when its audit entry fails', async () => {
    const admin = await app.admin();
    if (app.dialect === 'sqlite')
      await app.sql(
        `CREATE TRIGGER broken BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'broken'); END`,
      );
    else {
      await app.sql(
        `CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$`,
      );
      await app.sql(
        `CREATE TRIGGER broken BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION broken()`,
      );
    }
    const before = app.output.length;
    const user = userInput();
    const key = unique();
    const replies = [
      await admin.post('/users', user, { idempotencyKey: key }),
      await admin.post('/clients', clientInput({ email: user.email })),
      await app.post('/auth/login', { email: app.env.ADMIN_EMAIL, password: app.env.ADMIN_PASSWORD }),
      await admin.post('/auth/logout'),
    ];
    await app.sql(app.dialect === 'sqlite' ? 'DROP TRIGGER broken' : 'DROP TRIGGER broken ON audit_log');
    for (const reply of replies) {
      expectProblem(reply, 500, 'internal');
      expect(reply.text).not.toMatch(/broken|audit_log|insert|trigger|src\/|node_modules/i);
    }
    const logged = () =>
      app.logs.find(({ level, requestId }) => level === 'error' && requestId === replies[0]?.body.requestId);
    await app.flushLogs();
    const log = app.output.slice(before);
    // What to look into is there, under the answer's request id; what the statement was given is not.
    expect(logged()).toMatchObject({
      err: { message: expect.stringContaining('broken'), stack: expect.any(String) },
    });
    for (const secret of [user.password, user.email, '$argon2id', admin.accessToken])
      expect(log).not.toContain(secret);
    // Nothing of it happened, the sign-out too, and the key is free.
    expect(await app.sql('SELECT 1 FROM users WHERE email = ?', [user.email])).toEqual([]);
    expect(await app.sql('SELECT 1 FROM clients WHERE email = ?', [user.email])).toEqual([]);
    expect((await admin.get('/auth/me')).status).toBe(200);
    expect((await admin.post('/users', user, { idempotencyKey: key })).status).toBe(201);
  });
});

describe('headers', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });

  it('are the same on every answer, good or bad', async () => {
    const replies = [
      await app.raw('GET', '/health/live'),
      await app.get('/auth/me'),
      await app.get('/nowhere'),
      await app.raw('GET', '/%00'),
      await app.post('/auth/login', '{'),
      await app.post('/auth/me'),
      await app.raw('GET', '/docs'),
      await app.raw('GET', '/docs/openapi.json'),
      await app.raw('GET', '/docs/swagger-ui-bundle.js'),
      await (await app.admin()).get('/users'),
    ];
    for (const { headers } of replies) {
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'strict-transport-security': expect.stringMatching(/^max-age=\d{8}/),
        'cross-origin-resource-policy': 'same-origin',
        'content-security-policy': expect.stringMatching(
          /^default-src '(none|self)';.*\bframe-ancestors 'none'/,
        ),
        'x-request-id': expect.any(String),
        'cache-control': expect.any(String),
      });
      expect(headers).not.toHaveProperty('x-powered-by');
      expect(headers).not.toHaveProperty('server');
      expect(headers).not.toHaveProperty('access-control-allow-origin');
      expect(headers).not.toHaveProperty('set-cookie');
    }
    for (const { headers } of [...replies.slice(0, 6), ...replies.slice(9)]) {
      expect(headers['cache-control']).toContain('no-store');
      // Data is no page: nothing in it may be loaded.
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'/);
    }
  });

  it('of the docs page let its own scripts run and nobody else’s', async () => {
    const page = await app.raw('GET', '/docs');
    expect(page.status).toBe(200);
    const policy = Object.fromEntries(
      String(page.headers['content-security-policy'])
        .split('; ')
        .map((directive) => [directive.split(' ', 1)[0], directive.split(' ').slice(1)]),
    );
    expect(policy).toMatchObject({
      'script-src': ["'self'"],
      'script-src-attr': ["'none'"],
      'object-src': ["'none'"],
      'base-uri': ["'self'"],
      'form-action': ["'self'"],
      'frame-ancestors': ["'none'"],
    });
    // No script in the page itself, and every one that it names is served from here.
    const scripts = [...page.text.matchAll(/<script\b([^>]*)>([^<]*)/g)];
    expect(scripts.length).toBeGreaterThan(0);
    for (const [, attributes = '', inline = ''] of scripts) {
      expect(inline.trim()).toBe('');
      const [, source = ''] = /src="([^"]+)"/.exec(attributes) ?? [];
      expect(source).not.toMatch(/^(https?:)?\/\//);
      const script = await app.raw('GET', new URL(source, 'http://x/docs').pathname);
      expect([source, script.status]).toEqual([source, 200]);
    }
    for (const [, source = ''] of page.text.matchAll(/(?:href|src)="([^"]+)"/g))
      expect(source).not.toMatch(/^(https?:)?\/\//);
  });

  it('open the API to no other origin', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    const preflight = await app.raw('OPTIONS', '/api/v1/auth/login', undefined, { headers });
    expect(preflight.status).toBe(405);
    expect(Object.keys(preflight.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('CORS_ORIGINS', () => {
  it('opens the API to these origins, and to these only', async () => {
    const app = await startApp({
      env: { CORS_ORIGINS: 'https://app.example.com, https://other.example.com:8443' },
    });
    const preflight = (origin: string) =>
      app.raw('OPTIONS', '/api/v1/clients', undefined, {
        headers: {
          origin,
          'access-control-request-method': 'PATCH',
          'access-control-request-headers': 'authorization,if-match,content-type,idempotency-key',
        },
      });
    for (const origin of ['https://app.example.com', 'https://other.example.com:8443']) {
      const { status, headers } = await preflight(origin);
      expect(status).toBe(204);
      expect(headers).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-methods': expect.stringContaining('PATCH'),
        'access-control-allow-headers': expect.stringMatching(/if-match/i),
        vary: expect.stringContaining('Origin'),
      });
      expect(headers).not.toHaveProperty('access-control-allow-credentials');
      const reply = await app.get('/auth/me', { headers: { origin } });
      expectProblem(reply, 401, 'unauthenticated');
      expect(reply.headers).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-expose-headers': expect.stringContaining('ETag'),
      });
    }
    for (const origin of [
      'https://evil.example',
      'http://app.example.com',
      'https://app.example.com.evil.example',
      'null',
    ]) {
      expect((await preflight(origin)).headers).not.toHaveProperty('access-control-allow-origin');
      const reply = await app.get('/auth/me', { headers: { origin } });
      expect(reply.headers).not.toHaveProperty('access-control-allow-origin');
    }
    // What is no route stays none.
    expectProblem(await app.get('/nowhere'), 404, 'not-found');
    expectProblem(await app.raw('PATCH', '/api/v1/auth/me'), 405, 'method-not-allowed');
  });
});
