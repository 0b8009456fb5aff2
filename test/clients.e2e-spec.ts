import { answered, startApp, type Session, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';
import { clientInput, newPassword, unique } from './support/inputs.js';

const DAY = 86_400_000;
const UNKNOWN = '019a0000-0000-7000-8000-000000000000';
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let app: TestApp;
let admin: Session;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
});

/** The instant so many days from another, as the API writes it. */
const days = (count: number, from: string | Date = new Date()) =>
  new Date(new Date(from).getTime() + count * DAY).toISOString();

/** Makes a client and returns the answer. */
const make = async (fields: Record<string, unknown> = {}): Promise<Reply['body']> =>
  (await app.createClient(fields)).body;

const read = async (id: string): Promise<Reply['body']> => (await admin.get(`/clients/${id}`)).body;

/** The audit entries of a client, the oldest first, by action. */
async function audited(id: string): Promise<string[]> {
  const rows = await app.sql<{ action: string }>(
    `SELECT action FROM audit_log WHERE entity_type IN ('client', 'grant') AND entity_id = ?
     AND action NOT LIKE 'auth.%' ORDER BY seq`,
    [id],
  );
  return rows.map(({ action }) => action);
}

describe('creating a client', () => {
  it('answers 201 with the client, its ETag and its place', async () => {
    const input = clientInput({ notes: 'Met at the fair.\nWants everything.', language: 'pt' });
    const reply = await admin.post('/clients', input);
    expect(reply.status).toBe(201);
    const { id } = reply.body as { id: string };
    expect(reply.body).toEqual({
      id: expect.any(String),
      name: input.name,
      email: input.email,
      company: input.company,
      notes: input.notes,
      language: 'pt',
      status: 'active',
      accessStartsAt: expect.stringMatching(INSTANT),
      accessEndsAt: expect.stringMatching(INSTANT),
      revokedAt: null,
      revokeReason: null,
      version: 1,
      createdAt: expect.stringMatching(INSTANT),
      updatedAt: expect.stringMatching(INSTANT),
    });
    expect(reply.headers.location).toBe(`/api/v1/clients/${id}`);
    expect(reply.headers.etag).toBe('"1"');
    const again = await admin.get(`/clients/${id}`);
    expect(again.body).toEqual(reply.body);
    expect(again.headers.etag).toBe('"1"');
    expect(await audited(id)).toEqual(['client.created']);
  });

  it('takes the default days of the settings, or the days given, from the start', async () => {
    const usual = await make({ accessDays: undefined });
    expect(usual.accessEndsAt).toBe(days(30, usual.accessStartsAt));
    const later = days(3);
    const scheduled = await make({ accessStartsAt: later, accessDays: 2 });
    expect(scheduled).toMatchObject({
      accessStartsAt: later,
      accessEndsAt: days(2, later),
      status: 'scheduled',
    });
  });

  it('can make one whose access is over already', async () => {
    const over = await make({ accessDays: undefined, accessStartsAt: days(-9), accessEndsAt: days(-1) });
    expect(over.status).toBe('expired');
  });

  it('without a password carries an invitation, once, by which the client sets one', async () => {
    const input = clientInput({ password: undefined });
    const { body } = await answered(201, admin.post('/clients', input));
    expect(body.invitation).toEqual({ token: expect.any(String), expiresAt: expect.stringMatching(INSTANT) });
    expect(Object.keys(await read(body.id))).not.toContain('invitation');
    const password = newPassword();
    const accepted = await app.post('/auth/invitations/accept', { token: body.invitation.token, password });
    expect(accepted.status).toBe(200);
    expect(accepted.body.account).toMatchObject({ id: body.id, kind: 'client' });
    await app.signIn(input.email, password);
  });

  it.each([
    ['no name', { name: undefined }, 'name'],
    ['an empty name', { name: '  ' }, 'name'],
    ['a name that is an object', { name: { a: 1 } }, 'name'],
    ['NUL in the name', { name: 'a\u0000b' }, 'name'],
    ['a lone surrogate', { company: 'a\ud800' }, 'company'],
    ['no e-mail', { email: undefined }, 'email'],
    ['an e-mail that is none', { email: 'nobody' }, 'email'],
    ['an e-mail list', { email: ['a@example.com'] }, 'email'],
    ['a short password', { password: 'short' }, 'password'],
    ['a common password', { password: 'password1234' }, 'password'],
    [
      'its own e-mail as a password',
      { email: 'marta.fontes@example.com', password: 'marta.fontes@example' },
      'password',
    ],
    ['an unknown language', { language: 'xx' }, 'language'],
    ['an instant without an offset', { accessStartsAt: '2030-01-01T00:00:00' }, 'accessStartsAt'],
    ['an end and days', { accessEndsAt: days(5), accessDays: 5 }, 'accessEndsAt'],
    [
      'an end before the start',
      { accessDays: undefined, accessStartsAt: days(5), accessEndsAt: days(4) },
      'accessEndsAt',
    ],
    ['an end beyond the ceiling', { accessDays: undefined, accessEndsAt: days(366) }, 'accessEndsAt'],
    ['days beyond the ceiling', { accessDays: 366 }, 'accessDays'],
    ['no days', { accessDays: 0 }, 'accessDays'],
    ['part of a day', { accessDays: 1.5 }, 'accessDays'],
    ['days as text', { accessDays: '5' }, 'accessDays'],
    ['an unknown demo', { demoIds: [UNKNOWN] }, 'demoIds'],
    ['a demo twice', { demoIds: [UNKNOWN, UNKNOWN] }, 'demoIds'],
    ['a demo that is no id', { demoIds: ['x'] }, 'demoIds'],
    ['its own status', { status: 'active' }, 'status'],
    ['a role', { role: 'admin' }, 'role'],
    ['an id', { id: UNKNOWN }, 'id'],
  ])('refuses %s and makes nothing', async (_, fields, field) => {
    const input = clientInput(fields);
    expectProblem(await admin.post('/clients', input), 400, 'validation', field);
    if (typeof input.email !== 'string' || !input.email.includes('@')) return;
    expect(await app.sql('SELECT id FROM clients WHERE email = ?', [input.email])).toEqual([]);
  });

  it('refuses an e-mail that an account has, however it is written', async () => {
    const { email } = await make();
    expectProblem(await admin.post('/clients', clientInput({ email: email.toUpperCase() })), 409, 'conflict');
    expectProblem(
      await admin.post('/clients', clientInput({ email: String(app.env.ADMIN_EMAIL) })),
      409,
      'conflict',
    );
  });

  it('makes one of fifty at once with the same e-mail', async () => {
    const input = clientInput();
    const replies = await Promise.all(Array.from({ length: 50 }, () => admin.post('/clients', input)));
    const statuses = replies.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array.from({ length: 49 }, () => 409)]);
    expect(await app.sql('SELECT id FROM clients WHERE email = ?', [input.email])).toHaveLength(1);
  });

  it('makes one of fifty at once with one Idempotency-Key, and shows the invitation once', async () => {
    const input = clientInput({ password: undefined });
    const idempotencyKey = unique();
    const replies = await Promise.all(
      Array.from({ length: 50 }, () => admin.post('/clients', input, { idempotencyKey })),
    );
    const made = replies.filter(({ status }) => status === 201);
    expect(replies.filter(({ status }) => status !== 201 && status !== 409)).toEqual([]);
    expect(made.filter(({ body }) => body.invitation !== undefined)).toHaveLength(1);
    for (const { body, headers } of made) {
      const { invitation: _, ...client } = body;
      expect(client).toEqual(await read(client.id));
      expect(headers.location).toBe(`/api/v1/clients/${client.id}`);
    }
    expect(await app.sql('SELECT id FROM clients WHERE email = ?', [input.email])).toHaveLength(1);
    const other = { ...input, name: 'Another' };
    expectProblem(await admin.post('/clients', other, { idempotencyKey }), 422, 'idempotency-mismatch');
  });

  it('grants the demos asked for, all or none', async () => {
    const [one, two] = [await app.createDemo(), await app.createDemo({}, { publish: false })];
    const client = await make({ demoIds: [one.id, two.id] });
    const { body } = await admin.get(`/clients/${client.id}/demos`);
    expect(body.items.map((grant: { demoId: string }) => grant.demoId).sort()).toEqual(
      [one.id, two.id].sort(),
    );
    expect(await audited(client.id)).toEqual(['client.created']);

    await answered(204, admin.delete(`/demos/${two.id}`, { ifMatch: '*' }));
    const input = clientInput({ demoIds: [one.id, two.id] });
    expectProblem(await admin.post('/clients', input), 409, 'conflict');
    expect(await app.sql('SELECT id FROM clients WHERE email = ?', [input.email])).toEqual([]);
  });
});

describe('listing clients', () => {
  /** Marks this suite's clients, so that others do not count. */
  const company = `Company ${unique()}`;
  let names: Record<string, string>;

  beforeAll(async () => {
    const mine = (fields: Record<string, unknown>) => make({ company, ...fields });
    const made = {
      Ana: await mine({ name: 'Ana', accessDays: 4 }),
      Bruno: await mine({ name: 'Bruno 100%_ÁGUA', accessDays: 20 }),
      Carla: await mine({ name: 'Carla', accessStartsAt: days(1), accessDays: 2 }),
      Dario: await mine({
        name: 'Dario',
        accessDays: undefined,
        accessStartsAt: days(-9),
        accessEndsAt: days(-1),
      }),
      Eva: await mine({ name: 'Eva', accessDays: 10 }),
    };
    await answered(200, admin.post(`/clients/${made.Eva.id}/revoke`, { reason: 'Over' }));
    names = Object.fromEntries(Object.entries(made).map(([name, { id }]) => [id as string, name]));
  });

  async function list(query: Record<string, string | number>): Promise<string[]> {
    const { body } = await answered(200, admin.get('/clients', { query: { company, ...query } }));
    return body.items.map(({ id }: { id: string }) => names[id]);
  }

  it.each([
    ['active', ['Ana', 'Bruno']],
    ['scheduled', ['Carla']],
    ['expired', ['Dario']],
    ['revoked', ['Eva']],
  ])('finds those who are %s, and each says so', async (status, expected) => {
    expect(await list({ status, sort: 'name' })).toEqual(expected);
    const { body } = await admin.get('/clients', { query: { company, status } });
    expect(body.items.every((client: { status: string }) => client.status === status)).toBe(true);
    expect(body.total).toBe(expected.length);
  });

  it.each([
    ['createdAt', ['Ana', 'Bruno', 'Carla', 'Dario', 'Eva']],
    ['-createdAt', ['Eva', 'Dario', 'Carla', 'Bruno', 'Ana']],
    ['name', ['Ana', 'Bruno', 'Carla', 'Dario', 'Eva']],
    ['accessEndsAt', ['Dario', 'Carla', 'Ana', 'Eva', 'Bruno']],
    ['-accessEndsAt', ['Bruno', 'Eva', 'Ana', 'Carla', 'Dario']],
  ])('sorts by %s, page by page', async (sort, expected) => {
    expect(await list({ sort })).toEqual(expected);
    const paged: string[] = [];
    for (let cursor: string | undefined; ;) {
      const query = { company, sort, limit: 2, cursor };
      const { body } = await answered(200, admin.get('/clients', { query }));
      expect(body.total).toBe(5);
      paged.push(...body.items.map(({ id }: { id: string }) => names[id]));
      if (body.nextCursor === null) break;
      cursor = body.nextCursor as string;
    }
    expect(paged).toEqual(expected);
  });

  it('shows the newest first unless told', async () => {
    expect(await list({})).toEqual(['Eva', 'Dario', 'Carla', 'Bruno', 'Ana']);
  });

  it.each([
    ['100%', ['Bruno']],
    ['%', ['Bruno']],
    ['_', ['Bruno']],
    ['água', ['Bruno']],
    ['dARIO', ['Dario']],
    ['\\', []],
  ])('searches %s literally, in any case', async (search, expected) => {
    expect(await list({ search })).toEqual(expected);
  });

  it('searches e-mails and companies too', async () => {
    const client = await make({ company: `Quinta ${unique()}` });
    for (const search of [client.email, client.company.toLowerCase()]) {
      const { body } = await admin.get('/clients', { query: { search } });
      expect(body.items.map(({ id }: { id: string }) => id)).toEqual([client.id]);
    }
  });

  it('finds active clients whose access ends soon', async () => {
    expect(await list({ expiringWithinDays: 5 })).toEqual(['Ana']);
    expect(await list({ expiringWithinDays: 30, sort: 'name' })).toEqual(['Ana', 'Bruno']);
    expect(await list({ expiringWithinDays: 30, status: 'expired' })).toEqual([]);
  });

  it.each([
    ['status', 'gone'],
    ['sort', 'notes'],
    ['sort', '-'],
    ['sort', 'constructor'],
    ['cursor', 'abc'],
    ['limit', 0],
    ['limit', 'NaN'],
    ['expiringWithinDays', 'soon'],
    ['expiringWithinDays', 0],
    ['page', 2],
  ])('refuses %s=%s', async (name, value) => {
    expectProblem(await admin.get('/clients', { query: { [name]: value } }), 400, 'validation', name);
  });

  it('refuses a parameter given twice', async () => {
    const reply = await admin.get('/clients', { query: { status: ['active', 'revoked'] } });
    expectProblem(reply, 400, 'validation', 'status');
  });
});

describe('editing a client', () => {
  it('changes what is given and the version', async () => {
    const client = await make({ notes: 'Old' });
    const patch = {
      name: 'New Name',
      email: `new-${unique()}@example.com`,
      company: null,
      notes: null,
      language: 'pt',
    };
    const reply = await admin.patch(`/clients/${client.id}`, patch, { ifMatch: client.version });
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({
      ...client,
      ...patch,
      version: 2,
      updatedAt: expect.stringMatching(INSTANT),
    });
    expect(reply.headers.etag).toBe('"2"');
    expect(await read(client.id)).toEqual(reply.body);
    const { body } = await admin.get('/clients', { query: { search: 'new name' } });
    expect(body.items.map(({ id }: { id: string }) => id)).toContain(client.id);
  });

  it('that changes nothing leaves version and audit log alone', async () => {
    const client = await make();
    for (const patch of [{}, { name: client.name, email: client.email }]) {
      const reply = await admin.patch(`/clients/${client.id}`, patch, { ifMatch: 1 });
      expect(reply.body).toEqual(client);
    }
    expect(await audited(client.id)).toEqual(['client.created']);
  });

  it('signs in by the new e-mail only, and frees the old one', async () => {
    const client = await app.createClient();
    const email = `moved-${unique()}@example.com`;
    await answered(200, admin.patch(`/clients/${client.id}`, { email }, { ifMatch: '*' }));
    await app.signIn(email, client.password);
    const { password } = client;
    expectProblem(
      await app.post('/auth/login', { email: client.email, password }),
      401,
      'invalid-credentials',
    );
    await make({ email: client.email });
  });

  it('refuses an e-mail that is taken, but not its own in other letters', async () => {
    const [one, two] = [await make(), await make()];
    const taken = await admin.patch(`/clients/${one.id}`, { email: two.email.toUpperCase() }, { ifMatch: 1 });
    expectProblem(taken, 409, 'conflict');
    expect(await read(one.id)).toEqual(one);
    await answered(
      200,
      admin.patch(`/clients/${one.id}`, { email: one.email.toUpperCase() }, { ifMatch: 1 }),
    );
  });

  it('gives one e-mail to one of ten who take it at once', async () => {
    const email = `wanted-${unique()}@example.com`;
    const clients = await Promise.all(Array.from({ length: 10 }, () => make({ password: undefined })));
    const replies = await Promise.all(
      clients.map(({ id }) => admin.patch(`/clients/${id}`, { email }, { ifMatch: 1 })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([
      200,
      ...Array.from({ length: 9 }, () => 409),
    ]);
  });

  it('of two at once with one ETag tells the later', async () => {
    const client = await make();
    const replies = await Promise.all(
      ['One', 'Two'].map((name) => admin.patch(`/clients/${client.id}`, { name }, { ifMatch: 1 })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 412]);
    const won = replies.find(({ status }) => status === 200);
    expect(await read(client.id)).toEqual(won?.body);
  });

  it.each([
    ['role', 'admin'],
    ['status', 'active'],
    ['accessEndsAt', '2030-01-01T00:00:00.000Z'],
    ['id', UNKNOWN],
    ['version', 7],
    ['revokedAt', null],
    ['password', 'a-quiet-lighthouse-42'],
    ['name', null],
    ['email', null],
    ['language', null],
    ['company', ''],
  ])('refuses %s: %j', async (field, value) => {
    const client = await make();
    const reply = await admin.patch(`/clients/${client.id}`, { [field]: value }, { ifMatch: 1 });
    expectProblem(reply, 400, 'validation', field);
    expect(await read(client.id)).toEqual(client);
  });

  it('refuses __proto__', async () => {
    const client = await make();
    const reply = await admin.patch(`/clients/${client.id}`, '{"__proto__": {"role": "admin"}}', {
      ifMatch: 1,
    });
    expectProblem(reply, 400, 'validation');
    expect(await read(client.id)).toEqual(client);
  });

  it('needs If-Match, after the id and before the state', async () => {
    const { id } = await make();
    const patch = { name: 'New' };
    expectProblem(await admin.patch(`/clients/${id}`, patch), 428, 'precondition-required');
    expectProblem(await admin.patch(`/clients/${id}`, patch, { ifMatch: 2 }), 412, 'version-mismatch');
    expectProblem(await admin.patch(`/clients/${id}`, patch, { ifMatch: 'W/"1"' }), 412, 'version-mismatch');
    expectProblem(await admin.patch(`/clients/${UNKNOWN}`, patch), 404, 'not-found');
    expectProblem(await admin.patch('/clients/x', patch), 404, 'not-found');
    await answered(200, admin.patch(`/clients/${id}`, patch, { ifMatch: '*' }));
  });
});

describe('revoking and reinstating', () => {
  it('binds the next request and the refresh, and sign-in says so', async () => {
    const client = await app.createClient();
    const session = await client.signIn();
    await answered(200, session.get('/auth/me'));
    const reply = await admin.post(`/clients/${client.id}/revoke`, { reason: 'Contract over' });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({
      status: 'revoked',
      revokedAt: expect.stringMatching(INSTANT),
      revokeReason: 'Contract over',
      version: 2,
    });
    const { refreshToken } = session;
    expectProblem(await session.get('/auth/me'), 401, 'unauthenticated');
    expectProblem(await app.post('/auth/refresh', { refreshToken }), 401, 'unauthenticated');
    const { email, password } = client;
    expectProblem(await app.post('/auth/login', { email, password }), 403, 'access-revoked');

    const back = await answered(200, admin.post(`/clients/${client.id}/reinstate`));
    expect(back.body).toMatchObject({ status: 'active', revokedAt: null, revokeReason: null, version: 3 });
    expectProblem(await session.get('/auth/me'), 401, 'unauthenticated');
    await client.signIn();
    expect(await audited(client.id)).toEqual(['client.created', 'client.revoked', 'client.reinstated']);
  });

  it('repeated changes nothing', async () => {
    const { id } = await make();
    expect((await answered(200, admin.post(`/clients/${id}/reinstate`))).body.version).toBe(1);
    const first = await admin.post(`/clients/${id}/revoke`, { reason: 'First' });
    const second = await admin.post(`/clients/${id}/revoke`, { reason: 'Second' });
    expect(second.status).toBe(200);
    expect(second.body).toEqual(first.body);
    expect(await audited(id)).toEqual(['client.created', 'client.revoked']);
  });

  it('twenty at once revoke once', async () => {
    const { id } = await make();
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => admin.post(`/clients/${id}/revoke`, { reason: `Reason ${n}` })),
    );
    expect(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(replies[0]?.status).toBe(200);
    expect(await audited(id)).toEqual(['client.created', 'client.revoked']);
  });

  it('kills the invitation', async () => {
    const { id, invitation } = await make({ password: undefined });
    await answered(200, admin.post(`/clients/${id}/revoke`, { reason: 'Over' }));
    await answered(200, admin.post(`/clients/${id}/reinstate`));
    const accept = { token: invitation.token, password: newPassword() };
    expectProblem(await app.post('/auth/invitations/accept', accept), 400, 'validation', 'token');
  });

  it('needs a reason, and honours If-Match', async () => {
    const { id } = await make();
    expectProblem(await admin.post(`/clients/${id}/revoke`), 400, 'validation', 'reason');
    expectProblem(await admin.post(`/clients/${id}/revoke`, { reason: ' ' }), 400, 'validation', 'reason');
    const stale = await admin.post(`/clients/${id}/revoke`, { reason: 'Over' }, { ifMatch: 9 });
    expectProblem(stale, 412, 'version-mismatch');
    expectProblem(await admin.post(`/clients/${UNKNOWN}/revoke`, { reason: 'Over' }), 404, 'not-found');
    await answered(200, admin.post(`/clients/${id}/revoke`, { reason: 'Over' }, { ifMatch: 1 }));
  });
});

describe('renewing and shortening', () => {
  it('renews by days from the current end, or until an instant', async () => {
    const client = await make();
    const renewed = await answered(200, admin.post(`/clients/${client.id}/renew`, { days: 10 }));
    expect(renewed.body).toMatchObject({ accessEndsAt: days(40, client.accessStartsAt), version: 2 });
    const until = days(100, client.accessStartsAt);
    const again = await answered(200, admin.post(`/clients/${client.id}/renew`, { until }));
    expect(again.body).toMatchObject({
      accessEndsAt: until,
      accessStartsAt: client.accessStartsAt,
      version: 3,
    });
    expect(await audited(client.id)).toEqual(['client.created', 'client.renewed', 'client.renewed']);
  });

  it('renews an expired client from now', async () => {
    const over = { accessDays: undefined, accessStartsAt: days(-9), accessEndsAt: days(-1) };
    const client = await make(over);
    const before = Date.now();
    const { body } = await answered(200, admin.post(`/clients/${client.id}/renew`, { days: 5 }));
    expect(body.status).toBe('active');
    expect(Date.parse(body.accessEndsAt)).toBeGreaterThanOrEqual(before + 5 * DAY);
    expect(Date.parse(body.accessEndsAt)).toBeLessThan(before + 5 * DAY + 60_000);
  });

  it('adds up renewals that are made at once', async () => {
    const client = await make();
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => admin.post(`/clients/${client.id}/renew`, { days: 2 })),
    );
    expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(await read(client.id)).toMatchObject({
      accessEndsAt: days(50, client.accessStartsAt),
      version: 11,
    });
  });

  it('of two at once with one ETag tells the later', async () => {
    const { id } = await make();
    const replies = await Promise.all(
      [1, 2].map((count) => admin.post(`/clients/${id}/renew`, { days: count }, { ifMatch: 1 })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  it('shortens to an instant between now and the end', async () => {
    const client = await make();
    const until = days(1);
    const { body } = await answered(200, admin.post(`/clients/${client.id}/shorten`, { until }));
    expect(body).toEqual({ ...client, accessEndsAt: until, version: 2, updatedAt: body.updatedAt });
    expect(await audited(client.id)).toEqual(['client.created', 'client.shortened']);
  });

  it.each([
    ['renew', {}, 'days'],
    ['renew', { days: 5, until: days(40) }, 'until'],
    ['renew', { days: 0 }, 'days'],
    ['renew', { days: -1 }, 'days'],
    ['renew', { days: 2_147_483_647 }, 'days'],
    ['renew', { days: 336 }, 'days'],
    ['renew', { until: days(20) }, 'until'],
    ['renew', { until: days(-1) }, 'until'],
    ['renew', { until: days(366) }, 'until'],
    ['renew', { until: 'tomorrow' }, 'until'],
    ['renew', { days: 5, reason: 'x' }, 'reason'],
    ['shorten', {}, 'until'],
    ['shorten', { until: days(-1) }, 'until'],
    ['shorten', { until: days(31) }, 'until'],
    ['shorten', { days: 5 }, 'days'],
  ])('%s refuses %j', async (action, body, field) => {
    const client = await make();
    expectProblem(await admin.post(`/clients/${client.id}/${action}`, body), 400, 'validation', field);
    expect(await read(client.id)).toEqual(client);
  });

  it('refuses to end before a scheduled start', async () => {
    const { id } = await make({ accessStartsAt: days(5) });
    expectProblem(await admin.post(`/clients/${id}/shorten`, { until: days(4) }), 400, 'validation', 'until');
    await answered(200, admin.post(`/clients/${id}/shorten`, { until: days(6) }));
  });

  it('refuses a revoked client', async () => {
    const { id } = await make();
    await answered(200, admin.post(`/clients/${id}/revoke`, { reason: 'Over' }));
    expectProblem(await admin.post(`/clients/${id}/renew`, { days: 5 }), 409, 'conflict');
    expectProblem(await admin.post(`/clients/${id}/shorten`, { until: days(1) }), 409, 'conflict');
    expectProblem(await admin.post(`/clients/${id}/invitation`), 409, 'conflict');
  });
});

describe('inviting again', () => {
  it('kills the earlier invitation', async () => {
    const client = await make({ password: undefined });
    const reply = await admin.post(`/clients/${client.id}/invitation`);
    expect(reply.status).toBe(201);
    expect(reply.body).toEqual({ token: expect.any(String), expiresAt: expect.stringMatching(INSTANT) });
    expect(reply.headers.location).toBe(`/api/v1/clients/${client.id}`);
    const accept = (token: string) =>
      app.post('/auth/invitations/accept', { token, password: newPassword() });
    expectProblem(await accept(client.invitation.token), 400, 'validation', 'token');
    expect((await accept(reply.body.token)).status).toBe(200);
    expectProblem(await accept(reply.body.token), 400, 'validation', 'token');
    expectProblem(await admin.post(`/clients/${UNKNOWN}/invitation`), 404, 'not-found');
  });

  it('with one Idempotency-Key is one invitation, its token shown once', async () => {
    const { id } = await make({ password: undefined });
    const idempotencyKey = unique();
    const first = await answered(201, admin.post(`/clients/${id}/invitation`, undefined, { idempotencyKey }));
    const second = await answered(
      201,
      admin.post(`/clients/${id}/invitation`, undefined, { idempotencyKey }),
    );
    expect(second.body).toEqual({ expiresAt: first.body.expiresAt });
    const accept = { token: first.body.token, password: newPassword() };
    await answered(200, app.post('/auth/invitations/accept', accept));
  });

  it('carries a link where the front end is known', async () => {
    const other = await startApp({ env: { PUBLIC_URL: 'https://catalog.example.com/' } });
    const session = await other.admin();
    const { body } = await answered(201, session.post('/clients', clientInput({ password: undefined })));
    const { token, url } = body.invitation;
    expect(url).toBe(`https://catalog.example.com/invitation?token=${token}`);
    await other.stop();
  });
});

describe('erasing a client', () => {
  it('takes the person away and keeps the rest', async () => {
    const input = clientInput({ notes: 'Prefers the morning' });
    const { body: client } = await answered(201, admin.post('/clients', input));
    const demo = await app.createDemo();
    await app.grant(client.id, demo.id);
    const session = await app.signIn(input.email, input.password);

    const path = `/clients/${client.id}`;
    expectProblem(await admin.delete(path), 428, 'precondition-required');
    expectProblem(await admin.delete(path, { ifMatch: 2 }), 412, 'version-mismatch');
    const erased = await admin.delete(path, { ifMatch: 1 });
    expect([erased.status, erased.text]).toEqual([204, '']);

    expectProblem(await session.get('/auth/me'), 401, 'unauthenticated');
    expectProblem(
      await app.post('/auth/refresh', { refreshToken: session.refreshToken }),
      401,
      'unauthenticated',
    );
    const { email, password } = input;
    expectProblem(await app.post('/auth/login', { email, password }), 401, 'invalid-credentials');
    const gone = [
      await admin.get(path),
      await admin.patch(path, { name: 'Back' }, { ifMatch: '*' }),
      await admin.delete(path, { ifMatch: '*' }),
      await admin.post(`${path}/revoke`, { reason: 'Over' }),
      await admin.post(`${path}/reinstate`),
      await admin.post(`${path}/renew`, { days: 5 }),
      await admin.post(`${path}/shorten`, { until: days(1) }),
      await admin.post(`${path}/invitation`),
      await admin.get(`${path}/demos`),
      await admin.put(`${path}/demos/${demo.id}`, {}),
      await admin.delete(`${path}/demos/${demo.id}`),
      await admin.get(`${path}/access`),
    ];
    for (const reply of gone) expectProblem(reply, 404, 'not-found');
    const { body: found } = await admin.get('/clients', { query: { search: email } });
    expect(found.items).toEqual([]);

    // Nothing that is theirs is left in any column of any table, but for the keyed answer's 24 hours.
    for (const [table, columns] of Object.entries({
      clients: 'name, email, company, notes, search_text, revoke_reason',
      credentials: 'email_key',
      audit_log: '"before", "after", reason',
    })) {
      const rows = await app.sql(`SELECT ${columns} FROM ${table}`);
      const text = JSON.stringify(rows);
      for (const personal of [email, input.name as string, 'Prefers the morning'])
        expect(text).not.toContain(personal);
    }
    expect(await app.sql('SELECT id FROM clients WHERE id = ?', [client.id])).toHaveLength(1);
    expect(await audited(client.id)).toEqual(['client.created', 'grant.set', 'client.erased']);
    await make({ email });
  });

  it('empties and takes back what the client asked for', async () => {
    const { id } = await make();
    const now = new Date().toISOString();
    const at = app.dialect === 'sqlite' ? now.slice(0, -1).replace('T', ' ') : now;
    await app.sql(
      `INSERT INTO requests (id, client_id, kind, status, days, message, version, created_at, updated_at)
       VALUES (?, ?, 'renewal', 'pending', 5, 'My private reasons', 1, ?, ?)`,
      ['019a0000-0000-7000-8000-0000000000aa', id, at, at],
    );
    await answered(204, admin.delete(`/clients/${id}`, { ifMatch: '*' }));
    const rows = await app.sql('SELECT status, message, decided_by_kind FROM requests WHERE client_id = ?', [
      id,
    ]);
    expect(rows).toEqual([{ status: 'cancelled', message: null, decided_by_kind: 'system' }]);
  });
});

describe('who may', () => {
  it('a viewer reads and changes nothing, a client does neither', async () => {
    const client = await app.createClient();
    const viewer = await (await app.createUser()).signIn();
    const own = await client.signIn();
    const path = `/clients/${client.id}`;
    for (const read of ['/clients', path, `${path}/demos`, `${path}/access`]) {
      expect((await viewer.get(read)).status).toBe(200);
      expectProblem(await own.get(read), 403, 'forbidden');
      expectProblem(await app.get(read), 401, 'unauthenticated');
    }
    for (const session of [viewer, own])
      for (const id of [client.id, UNKNOWN, 'x']) {
        const forbidden = [
          await session.post('/clients', {}),
          await session.patch(`/clients/${id}`, {}),
          await session.delete(`/clients/${id}`),
          await session.post(`/clients/${id}/revoke`, {}),
          await session.post(`/clients/${id}/reinstate`),
          await session.post(`/clients/${id}/renew`, {}),
          await session.post(`/clients/${id}/shorten`, {}),
          await session.post(`/clients/${id}/invitation`),
          await session.put(`/clients/${id}/demos/${UNKNOWN}`, {}),
          await session.delete(`/clients/${id}/demos/${UNKNOWN}`),
        ];
        for (const reply of forbidden) expectProblem(reply, 403, 'forbidden');
      }
  });
});

describe.each(['UTC', 'America/St_Johns', 'Pacific/Kiritimati'])('the window in a process of %s', (TZ) => {
  const starts = '2030-03-31T00:30:00.000Z';
  const ends = '2030-10-27T00:59:59.999Z';
  let other: TestApp;

  const at = (instant: string, milliseconds: number) => new Date(Date.parse(instant) + milliseconds);

  beforeAll(async () => {
    other = await startApp({ env: { TZ }, at: at(starts, -DAY) });
  });

  it('holds from its start to a millisecond before its end', async () => {
    const client = await other.createClient({
      accessDays: undefined,
      accessStartsAt: '2030-03-31T02:30:00+02:00',
      accessEndsAt: ends,
    });
    expect(client.body).toMatchObject({ accessStartsAt: starts, accessEndsAt: ends, status: 'scheduled' });
    for (const [instant, status] of [
      [at(starts, -1), 'scheduled'],
      [at(starts, 0), 'active'],
      [at(ends, -1), 'active'],
      [at(ends, 0), 'expired'],
    ] as const) {
      await other.clock.set(instant);
      const session = await other.admin();
      expect((await session.get(`/clients/${client.id}`)).body.status).toBe(status);
      const { body } = await session.get('/clients', { query: { status } });
      expect(body.items.map(({ id }: { id: string }) => id)).toEqual([client.id]);
    }
  });

  it('binds a session that began before its end', async () => {
    await other.clock.set(at(ends, -1));
    const client = await other.createClient({
      accessDays: undefined,
      accessStartsAt: starts,
      accessEndsAt: ends,
    });
    const session = await client.signIn();
    expect((await session.get('/demos')).status).toBe(200);
    await other.clock.set(ends);
    expectProblem(await session.get('/demos'), 403, 'access-expired');
    expect((await session.get('/auth/me')).body.access.status).toBe('expired');
  });
});
