import { type Account, answered, startApp, type Session, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';

const DAY = 86_400_000;
const UNKNOWN = '019a0000-0000-7000-8000-000000000000';

type Body = Reply['body'];

let app: TestApp;
let admin: Session;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
});

const instant = (days: number) => new Date(Date.now() + days * DAY).toISOString();

/** A client with its session; `access` as for POST /clients. */
async function client(access: Record<string, unknown> = {}): Promise<{ account: Account; session: Session }> {
  const account = await app.createClient(access);
  return { account, session: await account.signIn() };
}

/** One whose access ended yesterday: a restricted session. */
const expiredClient = () =>
  client({ accessDays: undefined, accessStartsAt: instant(-9), accessEndsAt: instant(-1) });

const ask = async (session: Session, body: object): Promise<Body> =>
  (await answered(201, session.post('/requests', body))).body;
const askForTime = (session: Session, days = 10) => ask(session, { kind: 'renewal', days });
const askForDemos = (session: Session, ...demos: Body[]) =>
  ask(session, { kind: 'access', demoIds: demos.map(({ id }) => id as string) });

const decide = (id: string, decision: 'approve' | 'reject', body?: object): Promise<Reply> =>
  admin.post(`/requests/${id}/${decision}`, body);

const granted = async (id: string): Promise<string[]> =>
  (await answered(200, admin.get(`/clients/${id}/demos`))).body.items.map((grant: Body) => grant.demoId);

const endOf = async (id: string): Promise<string> =>
  (await answered(200, admin.get(`/clients/${id}`))).body.accessEndsAt;

/** The audit entries of a request, the oldest first. */
const audited = async (entityId: string): Promise<Body[]> => {
  const { body } = await answered(200, admin.get('/audit', { query: { entityType: 'request', entityId } }));
  return (body.items as Body[]).reverse();
};

describe('asking', () => {
  it('for more time makes a pending request that both sides read', async () => {
    const { account, session } = await client();
    const message = 'The board meets in May.\nPlease.';
    const reply = await answered(201, session.post('/requests', { kind: 'renewal', days: 10, message }));
    expect(reply.body).toEqual({
      id: expect.any(String),
      clientId: account.id,
      clientName: account.body.name,
      kind: 'renewal',
      status: 'pending',
      days: 10,
      items: [],
      message,
      note: null,
      decidedBy: null,
      decidedAt: null,
      version: 1,
      createdAt: expect.any(String),
      updatedAt: reply.body.createdAt,
    });
    const path = `/requests/${reply.body.id}`;
    expect(reply.headers).toMatchObject({ location: `/api/v1${path}`, etag: '"1"' });
    for (const reader of [session, admin]) {
      expect((await answered(200, reader.get(path))).body).toEqual(reply.body);
      const { body } = await answered(200, reader.get('/requests', { query: { clientId: account.id } }));
      expect(body).toEqual({ items: [reply.body], nextCursor: null, total: 1 });
    }
    const [entry] = await audited(reply.body.id);
    expect(entry).toMatchObject({
      action: 'request.created',
      actor: { kind: 'client', id: account.id },
      after: { kind: 'renewal', days: 10, message: '(left out)' },
    });
    expect(await endOf(account.id)).toBe(account.body.accessEndsAt);
  });

  it('for demos names them', async () => {
    const { session } = await client();
    const [one, other] = [await app.createDemo({ title: 'Fleet' }), await app.createDemo()];
    const request = await askForDemos(session, other, one);
    expect(request).toMatchObject({ kind: 'access', days: null, status: 'pending', version: 1 });
    expect(request.items).toEqual(
      [one, other].map(({ id, slug, title }) => ({
        demoId: id,
        slug,
        title,
        demoStatus: 'published',
        approved: null,
      })),
    );
    expect((await admin.get(`/demos/${one.id}/impact`)).body).toMatchObject({ pendingRequests: 1 });
    expect((await audited(request.id))[0]).toMatchObject({ after: { demoIds: [other.id, one.id] } });
  });

  it('twice for the same kind is refused, for the other not', async () => {
    const { session } = await client();
    const demo = await app.createDemo();
    const first = await askForTime(session);
    await askForDemos(session, demo);
    expectProblem(await session.post('/requests', { kind: 'renewal', days: 1 }), 409, 'conflict');
    expectProblem(await session.post('/requests', { kind: 'access', demoIds: [demo.id] }), 409, 'conflict');
    await answered(200, session.post(`/requests/${first.id}/cancel`));
    await askForTime(session);
  });

  it('twenty times at once makes one request', async () => {
    const { account, session } = await client();
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => session.post('/requests', { kind: 'renewal', days: 5 })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
    const { body } = await admin.get('/requests', { query: { clientId: account.id } });
    expect(body.total).toBe(1);
  });

  it('twenty times at once with one key makes one request and one answer', async () => {
    const { session } = await client();
    const body = { kind: 'renewal', days: 5 };
    const idempotencyKey = 'asked-once';
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => session.post('/requests', body, { idempotencyKey })),
    );
    const made = replies.filter(({ status }) => status === 201);
    expect(replies.filter(({ status }) => ![201, 409].includes(status))).toEqual([]);
    expect(new Set(made.map(({ text }) => text)).size).toBe(1);
    expect((await session.get('/requests')).body.total).toBe(1);
    const other = { kind: 'renewal', days: 6 };
    expectProblem(await session.post('/requests', other, { idempotencyKey }), 422, 'idempotency-mismatch');
  });

  it.each([
    ['no kind', { days: 5 }, 'kind'],
    ['an unknown kind', { kind: 'discount' }, 'kind'],
    ['no days', { kind: 'renewal' }, 'days'],
    ['no time', { kind: 'renewal', days: 0 }, 'days'],
    ['half a day', { kind: 'renewal', days: 0.5 }, 'days'],
    ['days as text', { kind: 'renewal', days: '5' }, 'days'],
    ['more than renewal.maxDays', { kind: 'renewal', days: 91 }, 'days'],
    ['time and demos', { kind: 'renewal', days: 5, demoIds: [UNKNOWN] }, 'demoIds'],
    ['demos and time', { kind: 'access', days: 5, demoIds: [UNKNOWN] }, 'days'],
    ['no demos', { kind: 'access' }, 'demoIds'],
    ['an empty list', { kind: 'access', demoIds: [] }, 'demoIds'],
    ['an unknown demo', { kind: 'access', demoIds: [UNKNOWN] }, 'demoIds'],
    ['a demo twice', { kind: 'access', demoIds: [UNKNOWN, UNKNOWN] }, 'demoIds'],
    ['no ids', { kind: 'access', demoIds: ['x'] }, 'demoIds'],
    ['too long a message', { kind: 'renewal', days: 5, message: 'x'.repeat(2001) }, 'message'],
    ['a message with NUL', { kind: 'renewal', days: 5, message: 'a\u0000b' }, 'message'],
    ['a status', { kind: 'renewal', days: 5, status: 'approved' }, 'status'],
    ['another client', { kind: 'renewal', days: 5, clientId: UNKNOWN }, 'clientId'],
  ])('refuses %s', async (_, body, field) => {
    const { session } = await client();
    expectProblem(await session.post('/requests', body), 400, 'validation', field);
    expect((await session.get('/requests')).body.items).toEqual([]);
  });

  it('shows no difference between a draft, a retired and an unknown demo', async () => {
    const { session } = await client();
    const [draft, retired] = [await app.createDemo({}, { publish: false }), await app.createDemo()];
    await answered(204, admin.delete(`/demos/${retired.id}`, { ifMatch: '*' }));
    const details = await Promise.all(
      [UNKNOWN, draft.id as string, retired.id as string].map(async (id) => {
        const reply = await session.post('/requests', { kind: 'access', demoIds: [id] });
        expectProblem(reply, 400, 'validation', 'demoIds');
        return (reply.body.detail as string).replace(id, 'ID');
      }),
    );
    expect(new Set(details).size).toBe(1);
  });
});

describe('a client whose access has ended', () => {
  it('asks for time, reads and cancels what it asked for, and for nothing else', async () => {
    const { session } = await expiredClient();
    const demo = await app.createDemo();
    expectProblem(
      await session.post('/requests', { kind: 'access', demoIds: [demo.id] }),
      403,
      'access-expired',
    );
    const first = await askForTime(session);
    expect((await answered(200, session.get('/requests'))).body.items).toEqual([first]);
    expect((await answered(200, session.get(`/requests/${first.id}`))).body).toEqual(first);
    await answered(200, session.post(`/requests/${first.id}/cancel`));
    await askForTime(session);
    for (const path of ['/basket', `/basket/items/${demo.id}`, '/demos'])
      expectProblem(await session.get(path), 403, 'access-expired');
    expectProblem(await session.put(`/basket/items/${demo.id}`), 403, 'access-expired');
    expectProblem(await session.post('/basket/submit'), 403, 'access-expired');
  });

  it('has the catalog again when it is approved, from now on', async () => {
    const { account, session } = await expiredClient();
    const { id } = await askForTime(session, 5);
    const before = Date.now();
    await answered(200, decide(id, 'approve'));
    const ends = Date.parse(await endOf(account.id)) - 5 * DAY;
    expect(ends).toBeGreaterThanOrEqual(before - 1000);
    expect(ends).toBeLessThanOrEqual(Date.now() + 1000);
    await answered(200, session.get('/demos'));
  });

  it('one whose access is still to come asks for nothing', async () => {
    const { session } = await client({ accessStartsAt: instant(2), accessDays: 5 });
    expectProblem(await session.post('/requests', { kind: 'renewal', days: 5 }), 403, 'access-not-started');
    expectProblem(await session.get('/requests'), 403, 'access-not-started');
  });
});

describe('approving', () => {
  it('a renewal extends the access, by whom and when', async () => {
    const { account, session } = await client();
    const request = await askForTime(session, 10);
    const { body } = await answered(200, decide(request.id, 'approve', { note: 'Gladly' }));
    expect(body).toEqual({
      ...request,
      status: 'approved',
      note: 'Gladly',
      decidedBy: { kind: 'user', id: admin.account.id, name: admin.account.name },
      decidedAt: expect.any(String),
      version: 2,
      updatedAt: body.decidedAt,
    });
    expect(Date.parse(await endOf(account.id))).toBe(Date.parse(account.body.accessEndsAt) + 10 * DAY);
    expect((await session.get(`/requests/${request.id}`)).body).toEqual({
      ...body,
      decidedBy: { kind: 'user', id: null, name: null },
    });
    const [, entry] = await audited(request.id);
    expect(entry).toMatchObject({
      action: 'request.approved',
      actor: { kind: 'user', id: admin.account.id },
      before: { status: 'pending' },
      after: {
        status: 'approved',
        also: [{ action: 'client.renewed', entityType: 'client', entityId: account.id }],
      },
      reason: 'Gladly',
    });
  });

  it('gives fewer or more days than were asked for', async () => {
    const { account, session } = await client();
    const request = await askForTime(session, 10);
    const { body } = await answered(200, decide(request.id, 'approve', { days: 100 }));
    expect(body.days).toBe(100);
    expect(Date.parse(await endOf(account.id))).toBe(Date.parse(account.body.accessEndsAt) + 100 * DAY);
    expect((await audited(request.id))[1]).toMatchObject({ before: { days: 10 }, after: { days: 100 } });
  });

  it('beyond the ceiling is refused, and nothing is decided', async () => {
    const { account, session } = await client();
    const { id } = await askForTime(session);
    expectProblem(await decide(id, 'approve', { days: 336 }), 400, 'validation', 'days');
    expect((await admin.get(`/requests/${id}`)).body).toMatchObject({ status: 'pending', version: 1 });
    expect(await endOf(account.id)).toBe(account.body.accessEndsAt);
    await answered(200, decide(id, 'approve', { days: 335 }));
  });

  it('demos grants exactly those that were asked for', async () => {
    const { account, session } = await client();
    const demos = [await app.createDemo(), await app.createDemo()];
    await app.createDemo();
    const request = await askForDemos(session, ...demos);
    const { body } = await answered(200, decide(request.id, 'approve'));
    expect(body.items.map(({ approved }: Body) => approved)).toEqual([true, true]);
    expect((await granted(account.id)).sort()).toEqual(demos.map(({ id }) => id).sort());
    await answered(201, session.post(`/demos/${demos[0].id}/open`));
    expect((await audited(request.id))[1]).toMatchObject({
      action: 'request.approved',
      after: { approved: demos.map(({ id }) => id), also: [{ action: 'grant.set' }] },
    });
    const { body: access } = await admin.get(`/clients/${account.id}/access`);
    expect(access.demos[0].grantedBy).toMatchObject({ kind: 'user', id: admin.account.id });
  });

  it('some of them refuses those that are not named', async () => {
    const { account, session } = await client();
    const [a, b, c] = [await app.createDemo(), await app.createDemo(), await app.createDemo()];
    const { id } = await askForDemos(session, a, b, c);
    const items = [
      { demoId: b.id, approved: true },
      { demoId: a.id, approved: false },
    ];
    const { body } = await answered(200, decide(id, 'approve', { items, note: 'Only this one' }));
    expect(body).toMatchObject({ status: 'approved', note: 'Only this one' });
    expect(body.items.map(({ demoId, approved }: Body) => [demoId, approved])).toEqual([
      [a.id, false],
      [b.id, true],
      [c.id, false],
    ]);
    expect(await granted(account.id)).toEqual([b.id]);
  });

  it('leaves a grant that holds already, and widens a narrower one', async () => {
    const { account, session } = await client();
    const [held, narrow] = [await app.createDemo(), await app.createDemo()];
    await app.grant(account.id, held.id);
    await app.grant(account.id, narrow.id, { endsAt: instant(1) });
    const before = (await admin.get(`/clients/${account.id}/demos`)).body.items[0];
    const { id } = await askForDemos(session, held, narrow);
    await answered(200, decide(id, 'approve'));
    const { items } = (await admin.get(`/clients/${account.id}/demos`)).body;
    expect(items).toHaveLength(2);
    expect(items).toContainEqual(before);
    expect(items).toContainEqual(
      expect.objectContaining({ demoId: narrow.id, startsAt: null, endsAt: null }),
    );
  });

  it('a demo retired meanwhile is refused by name; the others can be approved', async () => {
    const { account, session } = await client();
    const [kept, gone] = [await app.createDemo(), await app.createDemo({ title: 'Old planner' })];
    const { id } = await askForDemos(session, kept, gone);
    await answered(204, admin.delete(`/demos/${gone.id}`, { ifMatch: '*' }));
    const reply = await decide(id, 'approve');
    expectProblem(reply, 409, 'conflict');
    expect(reply.body.detail).toContain('Old planner');
    expect(await granted(account.id)).toEqual([]);
    const request = (await session.get(`/requests/${id}`)).body;
    expect(request).toMatchObject({ status: 'pending', version: 1 });
    expect(request.items[1]).toMatchObject({ demoId: gone.id, demoStatus: 'retired', approved: null });
    await answered(200, decide(id, 'approve', { items: [{ demoId: kept.id, approved: true }] }));
    expect(await granted(account.id)).toEqual([kept.id]);
  });

  it('of a revoked client: time is refused until it is reinstated', async () => {
    const { account, session } = await client();
    const { id } = await askForTime(session);
    await answered(200, admin.post(`/clients/${account.id}/revoke`, { reason: 'Pause' }));
    expectProblem(await decide(id, 'approve'), 409, 'conflict');
    expect((await admin.get(`/requests/${id}`)).body.status).toBe('pending');
    await answered(200, admin.post(`/clients/${account.id}/reinstate`));
    await answered(200, decide(id, 'approve'));
  });

  describe('refuses', () => {
    let renewal: Body;
    let access: Body;
    let demo: Body;

    beforeAll(async () => {
      const { session } = await client();
      demo = await app.createDemo();
      [renewal, access] = [await askForTime(session), await askForDemos(session, demo)];
    });

    const item = (demoId: unknown, approved: unknown = true) => ({ items: [{ demoId, approved }] });

    it.each<[string, () => Body, () => object, string]>([
      ['demos of a renewal', () => renewal, () => item(demo.id), 'items'],
      ['no days', () => renewal, () => ({ days: 0 }), 'days'],
      ['too long a note', () => renewal, () => ({ note: 'x'.repeat(2001) }), 'note'],
      ['an unknown field', () => renewal, () => ({ until: instant(5) }), 'until'],
      ['days of demos', () => access, () => ({ days: 5 }), 'days'],
      ['a demo that was not asked for', () => access, () => item(UNKNOWN), 'items'],
      ['nothing', () => access, () => ({ items: [] }), 'items'],
      ['everything refused', () => access, () => item(demo.id, false), 'items'],
      ['no list', () => access, () => ({ items: {} }), 'items'],
      ['no id', () => access, () => item('x'), 'items.0.demoId'],
      ['no answer', () => access, () => item(demo.id, 'yes'), 'items.0.approved'],
      [
        'a demo twice',
        () => access,
        () => ({ items: [...item(demo.id).items, ...item(demo.id, false).items] }),
        'items',
      ],
    ])('%s', async (_, request, body, field) => {
      const { id } = request();
      expectProblem(await decide(id, 'approve', body()), 400, 'validation', field);
      expect((await admin.get(`/requests/${id}`)).body).toEqual(request());
    });
  });
});

describe('rejecting', () => {
  it('says why, and changes nothing else', async () => {
    const { account, session } = await client();
    const demo = await app.createDemo();
    const { id } = await askForDemos(session, demo);
    const note = 'Not in this contract.\nAsk Rita.';
    const { body } = await answered(200, decide(id, 'reject', { note }));
    expect(body).toMatchObject({ status: 'rejected', note, version: 2, items: [{ approved: false }] });
    expect((await session.get(`/requests/${id}`)).body).toMatchObject({ status: 'rejected', note });
    expect(await granted(account.id)).toEqual([]);
    expect((await audited(id))[1]).toMatchObject({ action: 'request.rejected', reason: note });
    await askForDemos(session, demo);
  });

  it.each([{}, { note: '' }, { note: ' \n ' }, { note: null }, { note: 5 }, { note: 'x'.repeat(2001) }])(
    'needs a note: not %j',
    async (body) => {
      const { session } = await client();
      const { id } = await askForTime(session);
      expectProblem(await decide(id, 'reject', body), 400, 'validation', 'note');
    },
  );
});

describe('a request that is no longer pending', () => {
  it('is not decided again', async () => {
    const { session } = await client();
    const ended = async (end: (id: string) => Promise<Reply>): Promise<string> => {
      const { id } = await askForTime(session);
      await answered(200, end(id));
      return id;
    };
    for (const id of [
      await ended((id) => decide(id, 'approve')),
      await ended((id) => decide(id, 'reject', { note: 'No' })),
      await ended((id) => session.post(`/requests/${id}/cancel`)),
    ]) {
      const before = (await admin.get(`/requests/${id}`)).body;
      expectProblem(await decide(id, 'approve'), 409, 'conflict');
      expectProblem(await decide(id, 'reject', { note: 'No' }), 409, 'conflict');
      expectProblem(await session.post(`/requests/${id}/cancel`), 409, 'conflict');
      expect((await admin.get(`/requests/${id}`)).body).toEqual(before);
      expect(await audited(id)).toHaveLength(2);
    }
  });

  it('cancelled by the client says so', async () => {
    const { account, session } = await client();
    const { id } = await askForTime(session);
    const { body } = await answered(200, session.post(`/requests/${id}/cancel`));
    expect(body).toMatchObject({
      status: 'cancelled',
      version: 2,
      decidedBy: { kind: 'client', id: account.id, name: account.body.name },
    });
    expect((await audited(id))[1]).toMatchObject({ action: 'request.cancelled', actor: { kind: 'client' } });
  });

  it('is cancelled and emptied when the client is erased', async () => {
    const { account, session } = await client();
    const { id } = await ask(session, { kind: 'renewal', days: 5, message: 'My private reasons' });
    await answered(204, admin.delete(`/clients/${account.id}`, { ifMatch: '*' }));
    expect((await admin.get(`/requests/${id}`)).body).toMatchObject({
      clientName: '',
      status: 'cancelled',
      message: null,
      decidedBy: { kind: 'system' },
      version: 2,
    });
    expectProblem(await decide(id, 'approve'), 409, 'conflict');
    expectProblem(await decide(id, 'reject', { note: 'No' }), 409, 'conflict');
  });
});

describe('deciding at once', () => {
  it('one of twenty wins, the others are told', async () => {
    const { account, session } = await client();
    const other = await (await app.createUser({ role: 'admin' })).signIn();
    const { id } = await askForTime(session, 10);
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, turn) => {
        const by = turn % 2 ? admin : other;
        return turn % 3
          ? by.post(`/requests/${id}/approve`)
          : by.post(`/requests/${id}/reject`, { note: 'No' });
      }),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(19).fill(409)]);
    const { body } = await admin.get(`/requests/${id}`);
    expect(body.version).toBe(2);
    const moved = body.status === 'approved' ? 10 : 0;
    expect(Date.parse(await endOf(account.id))).toBe(Date.parse(account.body.accessEndsAt) + moved * DAY);
    expect(await audited(id)).toHaveLength(2);
  });

  it('approved and cancelled: one of them', async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      const { account, session } = await client();
      const demo = await app.createDemo();
      const { id } = await askForDemos(session, demo);
      const replies = await Promise.all([
        decide(id, 'approve'),
        session.post(`/requests/${id}/cancel`),
        admin.post(`/clients/${account.id}/renew`, { days: 1 }),
        admin.delete(`/demos/${demo.id}`, { ifMatch: '*' }),
      ]);
      expect(replies.slice(0, 2).filter(({ status }) => status === 200)).toHaveLength(1);
      expect(replies.slice(2).map(({ status }) => status)).toEqual([200, 204]);
      const { status } = (await admin.get(`/requests/${id}`)).body;
      expect(await granted(account.id)).toEqual(status === 'approved' ? [demo.id] : []);
    }
  });

  it('honours If-Match', async () => {
    const { session } = await client();
    const { id } = await askForTime(session);
    for (const path of ['approve', 'cancel']) {
      const by = path === 'cancel' ? session : admin;
      expectProblem(
        await by.post(`/requests/${id}/${path}`, undefined, { ifMatch: 2 }),
        412,
        'version-mismatch',
      );
    }
    const note = { note: 'No' };
    expectProblem(await admin.post(`/requests/${id}/reject`, note, { ifMatch: 7 }), 412, 'version-mismatch');
    const reply = await answered(200, admin.post(`/requests/${id}/reject`, note, { ifMatch: 1 }));
    expect(reply.headers.etag).toBe('"2"');
    expectProblem(await admin.post(`/requests/${id}/reject`, note, { ifMatch: 1 }), 412, 'version-mismatch');
    expectProblem(await admin.post(`/requests/${id}/reject`, note, { ifMatch: '*' }), 409, 'conflict');
  });
});

describe('renewals that approve themselves', () => {
  const set = async (key: string, value: number): Promise<void> => {
    await answered(200, admin.patch(`/settings/${key}`, { value }, { ifMatch: '*' }));
  };

  beforeAll(async () => {
    await set('renewal.autoApproveDays', 10);
    await set('renewal.autoApproveTimes', 2);
  });
  afterAll(() => set('renewal.autoApproveDays', 0));

  it('up to so many days, so many times, until a person decides one', async () => {
    const { account, session } = await client();
    const status = async (days: number): Promise<string> => (await askForTime(session, days)).status;
    const cancel = async (): Promise<void> => {
      const { body } = await session.get('/requests', { query: { status: 'pending' } });
      await answered(200, session.post(`/requests/${body.items[0].id}/cancel`));
    };
    expect(await status(11)).toBe('pending');
    await cancel();
    expect([await status(10), await status(1)]).toEqual(['approved', 'approved']);
    expect(Date.parse(await endOf(account.id))).toBe(Date.parse(account.body.accessEndsAt) + 11 * DAY);
    // What the client itself takes back is no person's decision.
    expect(await status(1)).toBe('pending');
    await cancel();
    const last = await askForTime(session, 1);
    expect(last.status).toBe('pending');
    await answered(200, decide(last.id, 'reject', { note: 'Not yet' }));
    expect([await status(1), await status(1), await status(1)]).toEqual(['approved', 'approved', 'pending']);
  });

  it('are decided by the product, with an audit entry of its own', async () => {
    const { account, session } = await client();
    const request = await askForTime(session, 5);
    expect(request).toMatchObject({
      status: 'approved',
      decidedBy: { kind: 'system', id: null, name: null },
      decidedAt: expect.any(String),
      version: 2,
    });
    const entries = await audited(request.id);
    expect(entries).toMatchObject([
      { action: 'request.created', actor: { kind: 'client', id: account.id } },
      {
        action: 'request.auto-approved',
        actor: { kind: 'system', id: null },
        before: { status: 'pending' },
        after: { status: 'approved', also: [{ action: 'client.renewed', entityId: account.id }] },
      },
    ]);
    expect(entries[1].requestId).toBe(entries[0].requestId);
    expect((await admin.get('/audit/verify')).body.valid).toBe(true);
  });

  it('are told to the client, and to no administrator', async () => {
    const { session } = await client();
    const unread = async (reader: Session): Promise<number> =>
      (await answered(200, reader.get('/notifications'))).body.total;
    const before = await unread(admin);
    expect((await askForTime(session, 5)).status).toBe('approved');
    expect([await unread(admin), await unread(session)]).toEqual([before, 1]);
  });

  it('bring an expired client back', async () => {
    const { session } = await expiredClient();
    expect((await askForTime(session, 5)).status).toBe('approved');
    await answered(200, session.get('/demos'));
  });

  it('wait for a person where the ceiling leaves no room', async () => {
    const { account, session } = await client({ accessDays: 360 });
    expect((await askForTime(session, 6)).status).toBe('pending');
    expect(await endOf(account.id)).toBe(account.body.accessEndsAt);
  });

  it('are never more than allowed, however many ask at once', async () => {
    const { account, session } = await client();
    const replies = await Promise.all(
      Array.from({ length: 12 }, () => session.post('/requests', { kind: 'renewal', days: 1 })),
    );
    const statuses = replies.map(({ status, body }) => (status === 201 ? (body.status as string) : status));
    expect(statuses.filter((status) => status === 'approved')).toHaveLength(2);
    expect(statuses.filter((status) => status === 'pending')).toHaveLength(1);
    expect(statuses.filter((status) => status === 409)).toHaveLength(9);
    expect(Date.parse(await endOf(account.id))).toBe(Date.parse(account.body.accessEndsAt) + 2 * DAY);
  });

  it('are no way to demos', async () => {
    const { session } = await client();
    expect((await askForDemos(session, await app.createDemo())).status).toBe('pending');
  });
});

describe('who is told', () => {
  const lines = async (reader: Session): Promise<Body[]> =>
    (await answered(200, reader.get('/notifications', { query: { limit: 100 } }))).body.items;

  it('administrators of what is asked for, and no viewer', async () => {
    const second = await (await app.createUser({ role: 'admin' })).signIn();
    const viewer = await (await app.createUser()).signIn();
    const { account, session } = await client();
    const demo = await app.createDemo({ title: 'Fleet analytics' });
    await askForTime(session, 12);
    await askForDemos(session, demo);
    for (const reader of [admin, second]) {
      const [demos, time] = await lines(reader);
      expect(time).toMatchObject({ kind: 'request-received', text: expect.stringContaining('12') });
      expect(demos).toMatchObject({ kind: 'request-received', text: expect.stringContaining(demo.title) });
      for (const line of [time, demos]) expect(line.text).toContain(account.body.name);
    }
    expect(await lines(viewer)).toEqual([]);
    expect(await lines(session)).toEqual([]);
  });

  it('the client of what is decided, an expired one too', async () => {
    const [one, other] = [await app.createDemo({ title: 'One' }), await app.createDemo({ title: 'Other' })];
    const { session } = await client();
    const demos = await askForDemos(session, one, other);
    const items = [{ demoId: one.id, approved: true }];
    await answered(200, decide(demos.id, 'approve', { items, note: 'Only this one' }));
    const rejected = await expiredClient();
    const { id } = await askForTime(rejected.session);
    await answered(200, decide(id, 'reject', { note: 'Not this year' }));

    const [told, ...more] = await lines(session);
    expect(more).toEqual([]);
    expect(told).toMatchObject({ kind: 'request-decided', readAt: null });
    for (const word of ['One', 'Other', 'Only this one']) expect(told.text).toContain(word);
    expect(await lines(rejected.session)).toMatchObject([{ text: expect.stringContaining('Not this year') }]);
  });

  it('nobody of what is refused or taken back', async () => {
    const { session } = await client();
    const { id } = await askForTime(session);
    const before = (await lines(admin)).length;
    expectProblem(await session.post('/requests', { kind: 'renewal', days: 5 }), 409, 'conflict');
    expectProblem(await decide(id, 'approve', { days: 400 }), 400, 'validation', 'days');
    await answered(200, session.post(`/requests/${id}/cancel`));
    expect(await lines(admin)).toHaveLength(before);
    expect(await lines(session)).toEqual([]);
  });
});

describe('the list', () => {
  it('is filtered, sorted and paged', async () => {
    const { account, session } = await client();
    const first = await askForTime(session);
    await answered(200, decide(first.id, 'reject', { note: 'No' }));
    const second = await askForTime(session);
    const third = await askForDemos(session, await app.createDemo());
    const ids = async (query: Record<string, string | number>): Promise<string[]> => {
      const all = { clientId: account.id, ...query };
      return (await answered(200, admin.get('/requests', { query: all }))).body.items.map(
        ({ id }: Body) => id,
      );
    };
    expect(await ids({})).toEqual([third.id, second.id, first.id]);
    expect(await ids({ sort: 'createdAt' })).toEqual([first.id, second.id, third.id]);
    expect(await ids({ sort: 'updatedAt' })).toEqual([first.id, second.id, third.id]);
    expect(await ids({ status: 'pending' })).toEqual([third.id, second.id]);
    expect(await ids({ kind: 'renewal' })).toEqual([second.id, first.id]);
    expect(await ids({ kind: 'renewal', status: 'approved' })).toEqual([]);
    expect(await ids({ clientId: UNKNOWN })).toEqual([]);
    const page = (await session.get('/requests', { query: { limit: 2 } })).body;
    expect(page).toMatchObject({ total: 3, items: [{ id: third.id }, { id: second.id }] });
    const rest = await session.get('/requests', { query: { limit: 2, cursor: page.nextCursor } });
    expect(rest.body).toMatchObject({ items: [{ id: first.id }], nextCursor: null });
    expect(page.items[0].items).toHaveLength(1);
  });

  it.each([
    ['status', 'open'],
    ['kind', 'all'],
    ['clientId', 'x'],
    ['sort', 'message'],
    ['cursor', 'x'],
    ['limit', 0],
    ['demoId', UNKNOWN],
  ])('refuses %s=%s', async (name, value) => {
    expectProblem(await admin.get('/requests', { query: { [name]: value } }), 400, 'validation', name);
  });
});

describe('who may', () => {
  it('a client neither sees nor touches another’s', async () => {
    const [mine, theirs] = [await client(), await client()];
    const { id } = await askForTime(theirs.session);
    for (const call of [
      (path: string) => mine.session.get(path),
      (path: string) => mine.session.post(`${path}/cancel`),
      (path: string) => mine.session.post(`${path}/cancel`, undefined, { ifMatch: 9 }),
    ]) {
      const replies = [await call(`/requests/${id}`), await call(`/requests/${UNKNOWN}`)];
      for (const reply of replies) expectProblem(reply, 404, 'not-found');
      expect(replies[0]?.body.detail).toBe(replies[1]?.body.detail);
    }
    const query = { clientId: theirs.account.id };
    expect((await answered(200, mine.session.get('/requests', { query }))).body.items).toEqual([]);
    expect((await answered(200, mine.session.get('/requests'))).body.total).toBe(0);
    expect((await admin.get(`/requests/${id}`)).body).toMatchObject({ status: 'pending', version: 1 });
  });

  it('a client decides nothing, a viewer reads, nobody asks for another', async () => {
    const { session } = await client();
    const viewer = await (await app.createUser()).signIn();
    const { id } = await askForTime(session);
    for (const caller of [session, viewer])
      for (const path of ['approve', 'reject'])
        for (const one of [id, UNKNOWN, 'x'])
          expectProblem(await caller.post(`/requests/${one}/${path}`), 403, 'forbidden');
    for (const caller of [admin, viewer]) {
      await answered(200, caller.get(`/requests/${id}`));
      expectProblem(await caller.post('/requests', { kind: 'renewal', days: 5 }), 403, 'forbidden');
      expectProblem(await caller.post(`/requests/${id}/cancel`), 403, 'forbidden');
    }
    for (const path of ['/requests', `/requests/${id}`])
      expectProblem(await app.get(path), 401, 'unauthenticated');
    for (const one of [UNKNOWN, 'x']) {
      expectProblem(await admin.get(`/requests/${one}`), 404, 'not-found');
      expectProblem(await decide(one, 'approve'), 404, 'not-found');
    }
  });
});
