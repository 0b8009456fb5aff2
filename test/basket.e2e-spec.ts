import { type Account, answered, startApp, type Session, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';

const UNKNOWN = '019a0000-0000-7000-8000-000000000000';

type Body = Reply['body'];

let app: TestApp;
let admin: Session;
let account: Account;
let session: Session;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
});

beforeEach(async () => {
  account = await app.createClient();
  session = await account.signIn();
});

const put = (demo: Body, by = session): Promise<Reply> => by.put(`/basket/items/${demo.id}`);
const basket = async (by = session): Promise<Body[]> => (await answered(200, by.get('/basket'))).body.items;
const retire = (demo: Body) => answered(204, admin.delete(`/demos/${demo.id}`, { ifMatch: '*' }));

describe('the basket', () => {
  it('is empty at first, and keeps what is put in, in that order', async () => {
    expect((await answered(200, session.get('/basket'))).body).toEqual({ items: [] });
    const [one, other] = [await app.createDemo({ title: 'Fleet analytics' }), await app.createDemo()];
    await answered(200, put(other));
    const { body } = await answered(200, put(one));
    expect(body).toEqual({
      demoId: one.id,
      slug: one.slug,
      title: 'Fleet analytics',
      summary: one.summary,
      category: one.category,
      demoStatus: 'published',
      addedAt: expect.any(String),
    });
    expect((await basket()).map(({ demoId }) => demoId)).toEqual([other.id, one.id]);
    expect((await answered(200, session.get(`/basket/items/${one.id}`))).body).toEqual(body);
    expect((await answered(200, put(one))).body).toEqual(body);
  });

  it('survives sign-out', async () => {
    const demo = await app.createDemo();
    await answered(200, put(demo));
    await answered(204, session.post('/auth/logout'));
    const again = await account.signIn();
    expect(await basket(again)).toMatchObject([{ demoId: demo.id }]);
  });

  it('gives back what is taken out', async () => {
    const demo = await app.createDemo();
    await answered(200, put(demo));
    const path = `/basket/items/${demo.id}`;
    const reply = await answered(204, session.delete(path));
    expect(reply.text).toBe('');
    expect(await basket()).toEqual([]);
    expectProblem(await session.delete(path), 404, 'not-found');
    expectProblem(await session.get(path), 404, 'not-found');
  });

  it('takes only what is in the catalog', async () => {
    const [draft, retired] = [await app.createDemo({}, { publish: false }), await app.createDemo()];
    await retire(retired);
    for (const id of [draft.id, retired.id, UNKNOWN, 'x'])
      for (const method of ['get', 'put', 'delete'] as const)
        expectProblem(await session[method](`/basket/items/${id}`), 404, 'not-found');
    expect(await basket()).toEqual([]);
  });

  it('put twenty times at once holds one', async () => {
    const demo = await app.createDemo();
    const replies = await Promise.all(Array.from({ length: 20 }, () => put(demo)));
    expect(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(replies[0]?.status).toBe(200);
    expect(await basket()).toHaveLength(1);
  });

  it('is the client’s own', async () => {
    const other = await (await app.createClient()).signIn();
    const demo = await app.createDemo();
    await answered(200, put(demo, other));
    expect(await basket()).toEqual([]);
    for (const method of ['get', 'delete'] as const)
      expectProblem(await session[method](`/basket/items/${demo.id}`), 404, 'not-found');
    expectProblem(await session.post('/basket/submit'), 409, 'conflict');
    await answered(200, put(demo));
    await answered(204, session.delete(`/basket/items/${demo.id}`));
    expect(await basket(other)).toHaveLength(1);
    for (const caller of [admin, await (await app.createUser()).signIn()]) {
      expectProblem(await caller.get('/basket'), 403, 'forbidden');
      expectProblem(await put(demo, caller), 403, 'forbidden');
      expectProblem(await caller.post('/basket/submit'), 403, 'forbidden');
    }
    expectProblem(await app.get('/basket'), 401, 'unauthenticated');
  });

  it('holds a hundred', async () => {
    const made = await Promise.all(Array.from({ length: 101 }, () => app.createDemo()));
    for (const demo of made.slice(0, 99)) await answered(200, put(demo));
    const last = await Promise.all(made.slice(99).map((demo) => put(demo)));
    expect(last.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await basket()).toHaveLength(100);
    const { body } = await answered(201, session.post('/basket/submit'));
    expect(body.items).toHaveLength(100);
    await answered(200, admin.post(`/requests/${body.id}/approve`));
    expect((await admin.get(`/clients/${account.id}/demos`)).body.items).toHaveLength(100);
  });

  it('goes with the client that is erased', async () => {
    await answered(200, put(await app.createDemo()));
    await answered(204, admin.delete(`/clients/${account.id}`, { ifMatch: '*' }));
    expect(await app.sql('SELECT * FROM basket_items WHERE client_id = ?', [account.id])).toEqual([]);
  });

  it('leaves no trace in the audit log', async () => {
    const demo = await app.createDemo();
    const newest = async () => (await admin.get('/audit', { query: { limit: 1 } })).body.items[0].seq;
    const before = await newest();
    await put(demo);
    await session.delete(`/basket/items/${demo.id}`);
    expect(await newest()).toBe(before);
  });
});

describe('submitting', () => {
  it('makes one access request of it and empties it', async () => {
    const demos = [await app.createDemo(), await app.createDemo()];
    for (const demo of demos) await answered(200, put(demo));
    const reply = await answered(201, session.post('/basket/submit', { message: 'Please' }));
    expect(reply.body).toMatchObject({
      clientId: account.id,
      kind: 'access',
      status: 'pending',
      message: 'Please',
      items: demos.map(({ id }) => ({ demoId: id, approved: null })),
    });
    expect(reply.headers.location).toBe(`/api/v1/requests/${reply.body.id}`);
    expect((await answered(200, session.get(`/requests/${reply.body.id}`))).body).toEqual(reply.body);
    expect(await basket()).toEqual([]);
    expectProblem(await session.post('/basket/submit'), 409, 'conflict');
    await answered(200, admin.post(`/requests/${reply.body.id}/approve`));
    await answered(201, session.post(`/demos/${demos[0].id}/open`));
  });

  it('names what is no longer in the catalog, and keeps the rest', async () => {
    const [kept, retired, unpublished] = [
      await app.createDemo(),
      await app.createDemo({ title: 'Old planner' }),
      await app.createDemo({ title: 'Back to draft' }),
    ];
    for (const demo of [kept, retired, unpublished]) await answered(200, put(demo));
    await retire(retired);
    await answered(200, admin.post(`/demos/${unpublished.id}/unpublish`));
    const shown = await basket();
    expect(shown.map(({ demoStatus }) => demoStatus)).toEqual(['published', 'retired', 'draft']);
    expect((await answered(200, put(retired))).body).toEqual(shown[1]);

    const refused = await session.post('/basket/submit');
    expectProblem(refused, 409, 'conflict', `items.${retired.id}`);
    expectProblem(refused, 409, 'conflict', `items.${unpublished.id}`);
    expect(refused.body.detail).toContain('“Old planner”, “Back to draft”');
    expect(refused.body.detail).not.toContain(kept.title);
    expect(await basket()).toEqual(shown);
    expect((await session.get('/requests')).body.items).toEqual([]);

    for (const { id } of [retired, unpublished]) await answered(204, session.delete(`/basket/items/${id}`));
    const { body } = await answered(201, session.post('/basket/submit'));
    expect(body.items).toMatchObject([{ demoId: kept.id }]);
  });

  it('waits for the request that is pending; the basket stays', async () => {
    const [one, other] = [await app.createDemo(), await app.createDemo()];
    await answered(200, put(one));
    const { body } = await answered(201, session.post('/basket/submit'));
    await answered(200, put(other));
    expectProblem(await session.post('/basket/submit'), 409, 'conflict');
    expect(await basket()).toHaveLength(1);
    await answered(200, session.post(`/requests/${body.id}/cancel`));
    await answered(201, session.post('/basket/submit'));
  });

  it('twenty times at once makes one request', async () => {
    await answered(200, put(await app.createDemo()));
    const replies = await Promise.all(Array.from({ length: 20 }, () => session.post('/basket/submit')));
    expect(replies.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
    expect((await session.get('/requests')).body.total).toBe(1);
    expect(await basket()).toEqual([]);
  });

  it('with a key gives the first answer again, also when the basket is filled anew', async () => {
    await answered(200, put(await app.createDemo()));
    const idempotencyKey = 'submitted';
    const first = await answered(201, session.post('/basket/submit', {}, { idempotencyKey }));
    await answered(200, put(await app.createDemo()));
    const second = await answered(201, session.post('/basket/submit', {}, { idempotencyKey }));
    expect(second.text).toBe(first.text);
    expect(second.headers.location).toBe(first.headers.location);
    expect(await basket()).toHaveLength(1);
    expectProblem(
      await session.post('/basket/submit', { message: 'Other' }, { idempotencyKey }),
      422,
      'idempotency-mismatch',
    );
  });

  it.each([
    ['too long a message', { message: 'x'.repeat(2001) }, 'message'],
    ['a message that is no text', { message: ['Please'] }, 'message'],
    ['an unknown field', { demoIds: [UNKNOWN] }, 'demoIds'],
  ])('refuses %s', async (_, body, field) => {
    await answered(200, put(await app.createDemo()));
    expectProblem(await session.post('/basket/submit', body), 400, 'validation', field);
    expect(await basket()).toHaveLength(1);
  });
});
