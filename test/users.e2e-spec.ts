/** Administrators' accounts: records, versions, lists, repeats, and the last administrator (api.md, /users). */
import { startApp, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';
import { newPassword, unique, userInput } from './support/inputs.js';

describe('users', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterEach(() => app.clock.reset());

  const auditOf = (id: string) =>
    app.sql<{ action: string; before: string | null; after: string | null }>(
      'SELECT action, before, after FROM audit_log WHERE entity_id = ? ORDER BY seq',
      [id],
    );

  it('are made, read, changed and removed', async () => {
    const admin = await app.admin();
    const input = userInput({ language: 'pt' });
    const made = await admin.post('/users', input);
    expect(made.status).toBe(201);
    const { id } = made.body;
    const { password: _, ...shown } = input;
    expect(made.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      ...shown,
      version: 1,
      createdAt: expect.stringMatching(/\.\d{3}Z$/),
      updatedAt: made.body.createdAt,
    });
    expect(made.headers).toMatchObject({ location: `/api/v1/users/${id}`, etag: '"1"' });
    const read = await admin.get(`/users/${id}`);
    expect(read.body).toEqual(made.body);
    expect(read.headers.etag).toBe('"1"');

    const changed = await admin.patch(`/users/${id}`, { name: 'Rui Costa', role: 'admin' }, { ifMatch: 1 });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({ name: 'Rui Costa', role: 'admin', email: input.email, version: 2 });
    expect(changed.headers.etag).toBe('"2"');
    const same = await admin.patch(`/users/${id}`, { name: 'Rui Costa' }, { ifMatch: '*' });
    expect(same.body.version).toBe(2);
    expect((await admin.patch(`/users/${id}`, {}, { ifMatch: '"1", "2"' })).body.version).toBe(2);

    expect((await admin.delete(`/users/${id}`, { ifMatch: 2 })).status).toBe(204);
    expectProblem(await admin.get(`/users/${id}`), 404, 'not-found');
    expectProblem(await admin.delete(`/users/${id}`, { ifMatch: '*' }), 404, 'not-found');
    // The e-mail is free again.
    expect((await admin.post('/users', input)).status).toBe(201);

    const entries = await auditOf(id);
    expect(entries.map(({ action }) => action)).toEqual(['user.created', 'user.updated', 'user.removed']);
    expect(JSON.parse(entries[1]?.after ?? '')).toEqual({ name: '(left out)', role: 'admin' });
    expect(JSON.stringify(entries)).not.toContain(input.email);
  });

  it('demand the version seen', async () => {
    const admin = await app.admin();
    const { id } = await app.createUser();
    const name = { name: 'Other' };
    expectProblem(await admin.patch(`/users/${id}`, name), 428, 'precondition-required');
    expectProblem(await admin.delete(`/users/${id}`), 428, 'precondition-required');
    for (const ifMatch of [2, 0, '1', 'W/"1"', '"1x"', '""', 'x'])
      expectProblem(await admin.patch(`/users/${id}`, name, { ifMatch }), 412, 'version-mismatch');
    expectProblem(await admin.delete(`/users/${id}`, { ifMatch: 2 }), 412, 'version-mismatch');
    // What is not there is not there, with or without a version.
    expectProblem(
      await admin.patch(`/users/${id.replace(/.$/, 'f').replace(/^./, '1')}`, name),
      404,
      'not-found',
    );
    const both = await Promise.all(
      ['A', 'B'].map((one) => admin.patch(`/users/${id}`, { name: one }, { ifMatch: 1 })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  it.each<[string, Record<string, unknown>]>([
    ['name', { name: '' }],
    ['name', { name: 'x'.repeat(201) }],
    ['name', { name: 'two\nlines' }],
    ['name', { name: null }],
    ['name', { name: ['x'] }],
    ['email', { email: 'no-email' }],
    ['email', { email: `${'x'.repeat(320)}@example.com` }],
    ['email', { email: null }],
    ['role', { role: 'root' }],
    ['role', { role: ['admin'] }],
    ['language', { language: 'fr' }],
    ['language', { language: null }],
    ['password', { password: 'fourteen-chars' }],
    ['password', { password: 'password1234567' }],
    ['password', { password: 'x'.repeat(129) }],
    ['password', { password: null }],
    ['password', { password: 12345678901234 }],
    ['id', { id: 'x' }],
    ['version', { version: 7 }],
    ['removedAt', { removedAt: null }],
    ['passwordHash', { passwordHash: 'x' }],
  ])('refuse a bad %s: %j', async (field, over) => {
    const admin = await app.admin();
    const before = await app.sql('SELECT count(*) AS n FROM users');
    expectProblem(await admin.post('/users', userInput(over)), 400, 'validation', field);
    expect(await app.sql('SELECT count(*) AS n FROM users')).toEqual(before);
    if (field !== 'password') {
      const { id } = await app.createUser();
      expectProblem(await admin.patch(`/users/${id}`, over, { ifMatch: '*' }), 400, 'validation', field);
    }
  });

  it('refuse a password made of the account', async () => {
    const admin = await app.admin();
    const password = 'Joana-Figueiredo-1';
    const input = userInput({ name: 'Joana Figueiredo', password });
    expectProblem(await admin.post('/users', input), 400, 'validation', 'password');
  });

  it('have an e-mail of their own, over users and clients', async () => {
    const admin = await app.admin();
    const user = await app.createUser();
    const client = await app.createClient();
    const other = await app.createUser();
    for (const { email } of [user, client]) {
      expectProblem(await admin.post('/users', userInput({ email: email.toUpperCase() })), 409, 'conflict');
      expectProblem(await admin.patch(`/users/${other.id}`, { email }, { ifMatch: '*' }), 409, 'conflict');
    }
    // One's own, written otherwise.
    const upper = user.email.toUpperCase();
    const reply = await admin.patch(`/users/${user.id}`, { email: upper }, { ifMatch: 1 });
    expect(reply.body).toMatchObject({ email: upper, version: 2 });
    expect((await user.signIn()).account.email).toBe(upper);
  });

  it('get one of two that ask for an e-mail at once', async () => {
    const admin = await app.admin();
    for (let round = 0; round < 5; round += 1) {
      const email = `new-${unique()}@example.com`;
      const users = [await app.createUser(), await app.createUser(), await app.createUser()];
      const replies = await Promise.all(
        users.map(({ id }) => admin.patch(`/users/${id}`, { email }, { ifMatch: 1 })),
      );
      expect(replies.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    }
  });

  it('keep at least one administrator, also when two remove each other at once', async () => {
    const first = await app.admin();
    const { items } = (await first.get('/users', { query: { role: 'admin', limit: 100 } })).body;
    for (const { id } of items.filter((user: { id: string }) => user.id !== first.account.id))
      await first.delete(`/users/${id}`, { ifMatch: '*' });
    const own = `/users/${first.account.id}`;
    expectProblem(await first.patch(own, { role: 'viewer' }, { ifMatch: '*' }), 409, 'conflict');
    expectProblem(await first.delete(own, { ifMatch: '*' }), 409, 'conflict');
    for (let round = 0; round < 5; round += 1) {
      const second = await app.createUser({ role: 'admin' });
      const session = await second.signIn();
      const replies = await Promise.all([
        first.patch(`/users/${second.id}`, { role: 'viewer' }, { ifMatch: '*' }),
        session.patch(own, { role: 'viewer' }, { ifMatch: '*' }),
      ]);
      const statuses = replies.map(({ status }) => status).sort();
      expect(statuses[0]).toBe(200);
      expect([403, 409, 412]).toContain(statuses[1]);
      const admins = await app.sql(`SELECT id FROM users WHERE role = 'admin' AND removed_at IS NULL`);
      expect(admins).toHaveLength(1);
      if (admins[0]?.id === first.account.id) continue;
      await session.patch(own, { role: 'admin' }, { ifMatch: '*' });
      await first.patch(`/users/${second.id}`, { role: 'viewer' }, { ifMatch: '*' });
    }
  });

  it('lose rights and sessions with the next request', async () => {
    const admin = await app.admin();
    const user = await app.createUser({ role: 'admin' });
    const session = await user.signIn();
    expect((await session.post('/users', userInput())).status).toBe(201);
    await admin.patch(`/users/${user.id}`, { role: 'viewer' }, { ifMatch: 1 });
    expectProblem(await session.post('/users', userInput()), 403, 'forbidden');
    expect((await session.get('/users')).status).toBe(200);
    await admin.delete(`/users/${user.id}`, { ifMatch: 2 });
    expectProblem(await session.get('/users'), 401, 'unauthenticated');
    expectProblem(
      await app.post('/auth/refresh', { refreshToken: session.refreshToken }),
      401,
      'unauthenticated',
    );
    const { email, password } = user;
    expectProblem(await app.post('/auth/login', { email, password }), 401, 'invalid-credentials');
  });

  describe('in lists', () => {
    it('come in pages, in every order, each once', async () => {
      const admin = await app.admin();
      for (let one = 0; one < 7; one += 1) await app.createUser({ name: `Same name ${one % 2}` });
      for (const sort of [undefined, 'createdAt', '-createdAt', 'name', '-name', 'email', '-email']) {
        const seen: Record<string, string>[] = [];
        let cursor: string | undefined;
        let total: number;
        do {
          const { body } = await admin.get('/users', { query: { limit: 3, sort, cursor } });
          seen.push(...body.items);
          total = body.total;
          cursor = body.nextCursor ?? undefined;
        } while (cursor);
        expect(new Set(seen.map(({ id }) => id)).size).toBe(total);
        expect(seen).toHaveLength(total);
        const key = (sort ?? '-createdAt').replace('-', '');
        const values = seen.map((user) => user[key] as string);
        const sorted = [...values].sort((a, b) => (a < b ? -1 : Number(a > b)));
        expect(values).toEqual((sort ?? '-').startsWith('-') ? sorted.reverse() : sorted);
      }
    });

    it('refuse strange limits, sorts, filters and cursors', async () => {
      const admin = await app.admin();
      const list = (query: Record<string, string | readonly string[]>) => admin.get('/users', { query });
      for (const limit of [
        '-1',
        '0',
        '101',
        '1e9',
        '1e1',
        'NaN',
        'Infinity',
        '0x10',
        '1.5',
        '',
        ' 5',
        '5,6',
        'x',
      ])
        expectProblem(await list({ limit }), 400, 'validation', 'limit');
      for (const sort of [
        'id',
        'passwordHash',
        '--name',
        'name;--',
        'name desc',
        '"name"',
        'constructor',
        '__proto__',
        '-',
      ])
        expectProblem(await list({ sort }), 400, 'validation', 'sort');
      expectProblem(await list({ role: 'root' }), 400, 'validation', 'role');
      expectProblem(await list({ q: 'x' }), 400, 'validation', 'q');
      for (const twice of ['limit', 'sort', 'role', 'cursor'])
        expectProblem(await list({ [twice]: ['1', '1'] }), 400, 'validation', twice);
      const { nextCursor } = (await list({ limit: '1', sort: 'name' })).body;
      const [text, signature] = nextCursor.split('.');
      const other = Buffer.from(JSON.stringify(['name', "' OR 1=1 --", 'x'])).toString('base64url');
      const forged = [
        `${other}.${signature}`,
        text,
        `${text}.`,
        `${text}.${signature.slice(1)}`,
        'x',
        'é',
        '.',
      ];
      for (const cursor of forged)
        expectProblem(await list({ sort: 'name', cursor }), 400, 'validation', 'cursor');
      expectProblem(await list({ sort: 'email', cursor: nextCursor }), 400, 'validation', 'cursor');
      const clients = await admin.get('/clients', { query: { sort: 'name', cursor: nextCursor } });
      expectProblem(clients, 400, 'validation', 'cursor');
      expect((await list({ sort: 'name', cursor: nextCursor })).status).toBe(200);
    });
  });

  describe('with an Idempotency-Key', () => {
    const create = async (input: unknown, idempotencyKey: string, headers = {}): Promise<Reply> =>
      (await app.admin()).post('/users', input, { idempotencyKey, headers });

    it('are made once, and the secret is shown once', async () => {
      const key = unique();
      const input = userInput({ password: undefined });
      const first = await create(input, key);
      expect(first.status).toBe(201);
      const { invitation, ...rest } = first.body;
      expect(invitation.token).toBeTruthy();
      const again = await create(input, key);
      expect(again.status).toBe(201);
      expect(again.body).toEqual(rest);
      expect(again.headers).toMatchObject({ location: first.headers.location, etag: '"1"' });
      // The order of fields is not another body.
      expect((await create(Object.fromEntries(Object.entries(input).reverse()), key)).body).toEqual(rest);
      expectProblem(await create({ ...input, name: 'Other' }, key), 422, 'idempotency-mismatch');
      expect(JSON.stringify(await app.sql('SELECT * FROM idempotency_keys'))).not.toContain(invitation.token);
      expect((await auditOf(first.body.id)).map(({ action }) => action)).toEqual(['user.created']);
    });

    it('of another account are others', async () => {
      const key = unique();
      const second = await (await app.createUser({ role: 'admin' })).signIn();
      const one = await create(userInput(), key);
      const other = await second.post('/users', userInput(), { idempotencyKey: key });
      expect([one.status, other.status]).toEqual([201, 201]);
    });

    it('are forgotten after a day, and by a refusal at once', async () => {
      const key = unique();
      const taken = (await app.createUser()).email;
      expectProblem(await create(userInput({ email: taken }), key), 409, 'conflict');
      const input = userInput();
      expect((await create(input, key)).status).toBe(201);
      await app.clock.advance(24 * 3_600_000 + 1);
      expectProblem(await create(input, key), 409, 'conflict');
      expect((await create(userInput(), key)).status).toBe(201);
    });

    it('refuse a key that is none', async () => {
      for (const key of ['with space', 'x'.repeat(256), 'ä'])
        expectProblem(await create(userInput(), key), 400, 'validation', 'Idempotency-Key');
    });

    it('fifty at once make one', async () => {
      const admin = await app.admin();
      const key = unique();
      const input = userInput({ password: undefined });
      const keyed = await Promise.all(Array.from({ length: 50 }, () => create(input, key)));
      const made = keyed.filter(({ status }) => status === 201);
      for (const reply of keyed.filter(({ status }) => status !== 201)) expectProblem(reply, 409, 'conflict');
      expect(made.length).toBeGreaterThan(0);
      expect(new Set(made.map(({ body }) => body.id)).size).toBe(1);
      expect(made.filter(({ body }) => body.invitation)).toHaveLength(1);

      const unkeyed = userInput({ password: undefined });
      const replies = await Promise.all(Array.from({ length: 50 }, () => admin.post('/users', unkeyed)));
      expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
      expect(replies.filter(({ status }) => status === 409)).toHaveLength(49);
      for (const { email } of [input, unkeyed])
        expect(await app.sql('SELECT id FROM users WHERE email = ?', [email])).toHaveLength(1);
    });
  });

  it('cost one hash each, before the unit of work', async () => {
    const admin = await app.admin();
    const before = await app.stats();
    expect((await admin.post('/users', userInput({ password: newPassword() }))).status).toBe(201);
    expect((await app.stats()).hashes).toBe(before.hashes + 1);
  });
});
