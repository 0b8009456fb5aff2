/** Strange input is a 4xx that names the field, on both databases alike, and changes nothing (quality.md, Security 13, 15–17). */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, type Session, type TestApp } from './support/app.js';
import { API, expectProblem } from './support/http.js';
import { clientInput, demoInput, unique, userInput } from './support/inputs.js';

type Json = Record<string, unknown>;

describe('strange input', () => {
  let app: TestApp;
  let admin: Session;
  let clientId: string;
  let pid: number | undefined;
  beforeAll(async () => {
    app = await startApp();
    admin = await app.admin();
    clientId = (await app.createClient()).id;
    pid = app.pid;
  });
  afterAll(async () => {
    expect(app.pid).toBe(pid);
    expect(app.running).toBe(true);
    // Nothing here is a surprise to the program.
    await app.flushLogs();
    expect(app.logs.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });

  const counts = async () =>
    Promise.all(
      ['users', 'clients', 'demos', 'docker_images', 'audit_log'].map((table) =>
        app.sql(`SELECT count(*) AS n FROM ${table}`),
      ),
    );

  /** Expects that what `attempt` does is refused and leaves every table as it was. */
  async function changesNothing(attempt: () => Promise<void>): Promise<void> {
    const before = await counts();
    await attempt();
    expect(await counts()).toEqual(before);
  }

  const creates: [string, () => Json][] = [
    ['/users', userInput],
    ['/clients', clientInput],
    ['/demos', demoInput],
    ['/images', () => ({ reference: `registry.example.com/demos/${unique()}:1.0` })],
  ];

  describe.each(creates)('POST %s', (path, input) => {
    it('refuses fields that are not the caller’s to set', async () => {
      const fields = [
        'id',
        'version',
        'createdAt',
        'updatedAt',
        'status',
        'slug',
        'digest',
        'revokedAt',
        'isAdmin',
        'x',
      ];
      await changesNothing(async () => {
        for (const field of fields)
          expectProblem(await admin.post(path, { ...input(), [field]: 'x' }), 400, 'validation', field);
      });
    });

    it('refuses the names that every object has', async () => {
      const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];
      await changesNothing(async () => {
        for (const name of names) {
          const body = JSON.stringify(input()).replace('{', `{"${name}":{"isAdmin":true,"role":"admin"},`);
          expectProblem(await admin.post(path, body), 400, 'validation', name);
        }
        const nested = JSON.stringify(input()).replace('{', '{"x":[{"__proto__":{"role":"admin"}}],');
        expectProblem(await admin.post(path, nested), 400, 'validation', '__proto__');
      });
      expect(({} as Json).isAdmin).toBeUndefined();
    });

    it('refuses each field of another type, with NUL, controls or half a character', async () => {
      await changesNothing(async () => {
        for (const [field, good] of Object.entries(input())) {
          if (typeof good !== 'string' || field === 'role') continue;
          const text = field === 'password' ? [] : ['a\u0000b', 'a\u001bb', 'a\u007fb'];
          for (const bad of [{}, [], [good], { $ne: null }, 7, true, '\ud800', 'x\udc00y', ...text])
            expectProblem(await admin.post(path, { ...input(), [field]: bad }), 400, 'validation', field);
        }
      });
    });

    it('refuses a body that is no JSON object in UTF-8', async () => {
      const good = JSON.stringify(input());
      const bodies: (string | Buffer)[] = [
        'x',
        '{',
        good.slice(0, -1),
        `${good}x`,
        '{"name":NaN}',
        "{'name':'x'}",
        'null',
        '[]',
        `[${good}]`,
        '"text"',
        '7',
        'true',
        Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
        Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
        Buffer.from(good, 'utf16le'),
      ];
      await changesNothing(async () => {
        for (const body of bodies) expectProblem(await admin.post(path, body), 400, 'validation', 'body');
      });
    });

    it('refuses other content types, large bodies and deep ones', async () => {
      await changesNothing(async () => {
        const good = JSON.stringify(input());
        for (const type of [
          'text/plain',
          'application/x-www-form-urlencoded',
          'multipart/form-data; boundary=x',
          'application/xml',
          'application/jsonx',
          'x',
        ])
          expectProblem(
            await admin.post(path, good, { headers: { 'content-type': type } }),
            415,
            'unsupported-media-type',
          );
        expectProblem(
          await admin.post(path, { ...input(), x: 'x'.repeat(200_000) }),
          413,
          'payload-too-large',
        );
        for (const deep of [
          `${'['.repeat(60_000)}${']'.repeat(60_000)}`,
          `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
        ])
          expectProblem(await admin.post(path, deep), 400, 'validation');
        const wide = `{${Array.from({ length: 10_000 }, (_, n) => `"k${n}":0`).join()}}`;
        expectProblem(await admin.post(path, wide), 400, 'validation', 'k9');
      });
    });
  });

  it('takes JSON with a charset, and of equal keys the last', async () => {
    const { email, ...rest } = userInput();
    const body = JSON.stringify({ email: 'first@example.com', ...rest }).replace(
      /}$/,
      `,"email":"${email}"}`,
    );
    const reply = await admin.post('/users', body, {
      headers: { 'content-type': 'application/json; charset=utf-8' },
    });
    expect(reply.status).toBe(201);
    expect(reply.body.email).toBe(email);
  });

  it('refuses a body or a query where the route has none', async () => {
    expectProblem(await admin.post('/auth/logout', { all: true }), 400, 'validation', 'all');
    expectProblem(await admin.post('/auth/logout', [1]), 400, 'validation', 'body');
    expectProblem(await admin.get('/auth/me', { query: { id: clientId } }), 400, 'validation', 'id');
    expectProblem(
      await admin.get(`/users/${admin.account.id}`, { query: { fields: 'passwordHash' } }),
      400,
      'validation',
      'fields',
    );
    expectProblem(
      await admin.post('/users', userInput(), { query: { role: 'admin' } }),
      400,
      'validation',
      'role',
    );
    expect((await admin.get('/auth/me')).status).toBe(200);
  });

  it('refuses ids and e-mails that are no text', async () => {
    for (const email of [
      {},
      [],
      ['a@example.com'],
      null,
      7,
      { toString: 'x' },
      '',
      'x',
      'a@b@c',
      'a@example.com\u0000',
      'a b@example.com',
      'a@example.com\r\nBcc: x@example.com',
    ])
      expectProblem(await app.post('/auth/login', { email, password: 'x' }), 400, 'validation');
    for (const demoIds of [
      'x',
      {},
      [null],
      [{}],
      [[clientId]],
      ['no-id'],
      [7],
      [clientId.toUpperCase()],
      [clientId, clientId],
    ])
      expectProblem(await admin.post('/clients', clientInput({ demoIds })), 400, 'validation', 'demoIds');
    // Nobody has this demo: a client's id is not a demo's.
    expectProblem(
      await admin.post('/clients', clientInput({ demoIds: [clientId] })),
      400,
      'validation',
      'demoIds',
    );
  });

  it.each([
    ['lower-case hex with a NUL', '%00'],
    ['a slash', '%2f'],
    ['a slash', '%2F'],
    ['a backslash', '%5c'],
    ['bad UTF-8', '%ff'],
    ['half a character', '%ed%a0%80'],
    ['an overlong slash', '%c0%af'],
    ['half an escape', '%2'],
    ['no escape', '%zz'],
  ])('refuses %s in a path: %s', async (_, escape) => {
    for (const path of [
      `/clients/${escape}`,
      `/clients/${clientId}${escape}`,
      `/${escape}`,
      `/demos/a${escape}`,
    ])
      expectProblem(await admin.get(path), 400, 'validation');
  });

  it.each(['%00', '%ff', '%ed%a0%80', '%2', 'a%00b'])('refuses %s in a query', async (escape) => {
    for (const query of [
      `search=${escape}`,
      `cursor=${escape}`,
      `sort=${escape}`,
      `company=${escape}`,
      `${escape}=1`,
    ])
      expectProblem(await admin.get(`/clients?${query}`), 400, 'validation');
  });

  it('refuses unknown, inherited and repeated names in a query', async () => {
    for (const name of [
      'q',
      '__proto__',
      'constructor',
      'toString',
      'limit[]',
      'limit[a]',
      'LIMIT',
      'search.x',
    ])
      expectProblem(await admin.get('/clients', { query: { [name]: '1' } }), 400, 'validation', name);
    for (const name of ['search', 'status', 'company', 'limit', 'sort'])
      expectProblem(await admin.get('/clients', { query: { [name]: ['1', '1'] } }), 400, 'validation', name);
    const opens = await admin.get('/analytics/opens', { query: { clientId: [clientId, clientId] } });
    expectProblem(opens, 400, 'validation', 'clientId');
  });

  it.each(['-1', '0', '101', '1e9', '1e400', 'NaN', 'Infinity', '-Infinity', '0x7f', '1.5', '１', ''])(
    'refuses a limit of %j',
    async (limit) => {
      for (const path of ['/users', '/clients', '/demos', '/images', '/audit', '/demo-sessions'])
        expectProblem(await admin.get(path, { query: { limit } }), 400, 'validation', 'limit');
    },
  );

  it('searches for %, _ and SQL literally', async () => {
    const mark = unique();
    const names = [
      `50% ${mark}`,
      `a_b ${mark}`,
      `axb ${mark}`,
      `back\\slash ${mark}`,
      `O'Neil ${mark}`,
      `"quoted" ${mark}`,
    ];
    for (const name of names) await app.createClient({ name });
    const found = async (search: string) => {
      const reply = await admin.get('/clients', { query: { search, limit: 100 } });
      expect(reply.status).toBe(200);
      return (reply.body.items as { name: string }[])
        .map(({ name }) => name)
        .filter((name) => name.includes(mark));
    };
    expect(await found('50%')).toEqual([names[0]]);
    expect(await found('a_b')).toEqual([names[1]]);
    expect(await found('back\\slash')).toEqual([names[3]]);
    expect(await found("O'Neil")).toEqual([names[4]]);
    expect(await found('"quoted"')).toEqual([names[5]]);
    expect(await found('o\uff07neil'.normalize('NFKC').toUpperCase())).toEqual([names[4]]);
    for (const sql of [
      "' OR 1=1 --",
      "'; DROP TABLE clients; --",
      '%',
      '_',
      '\\',
      '%%',
      "\\' OR '1'='1",
      '${7*7}',
      '{{7*7}}',
      ':search',
      '$1',
      '?',
    ])
      expect((await found(`${sql}${mark}`)).length).toBe(0);
    expect(await found(mark)).toHaveLength(names.length);
  });

  it('in headers is refused or ignored', async () => {
    const long = await app.wire(
      `GET /health/live HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`,
    );
    expect(long).toMatch(/^HTTP\/1\.1 431 /);
    expect(long).toContain('urn:ecatalog:problem:request-header-fields-too-large');
    for (const nonsense of [
      'x\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    ]) {
      const answer = await app.wire(nonsense);
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(answer).toContain('application/problem+json');
    }
    for (const id of ['x\ty', 'x'.repeat(101), '<script>', 'a b', '']) {
      const reply = await app.raw('GET', '/health/live', undefined, { headers: { 'x-request-id': id } });
      expect(reply.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
    const reply = await app.raw('GET', '/health/live', undefined, {
      headers: { 'x-request-id': 'trace-1.2:3_4' },
    });
    expect(reply.headers['x-request-id']).toBe('trace-1.2:3_4');
  });

  it('that comes slowly is cut off, and holds nobody up', async () => {
    const { hostname, port } = new URL(app.url);
    const began = performance.now();
    const answers = Array.from({ length: 20 }, async () => {
      let received = '';
      const socket = connect({ host: hostname, port: Number(port) });
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('error', () => undefined);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write(
        `POST ${API}/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`,
      );
      const drip = setInterval(() => socket.write(' '), 1000);
      await closed;
      clearInterval(drip);
      return received;
    });
    for (let second = 0; second < 5; second += 1) {
      const asked = performance.now();
      expect((await admin.get('/auth/me')).status).toBe(200);
      expect(performance.now() - asked).toBeLessThan(2000);
      await sleep(1000);
    }
    for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(performance.now() - began).toBeLessThan(25_000);
  }, 40_000);
});
