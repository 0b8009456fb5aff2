import { answered, startApp, type Session, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';
import { demoInput, imageInput, unique } from './support/inputs.js';

const UNKNOWN = '019a0000-0000-7000-8000-000000000000';
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let app: TestApp;
let admin: Session;
let viewer: Session;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  viewer = await (await app.createUser()).signIn();
});

const draft = (fields = {}): Promise<Reply['body']> => app.createDemo(fields, { publish: false });
const idsOf = ({ body }: Reply): string[] => (body.items as { id: string }[]).map(({ id }) => id);

async function newImage(): Promise<string> {
  return (await answered(201, admin.post('/images', imageInput()))).body.id as string;
}

async function audited(
  id: string,
): Promise<{ action: string; before: string | null; after: string | null }[]> {
  return app.sql('SELECT action, before, after FROM audit_log WHERE entity_id = ? ORDER BY seq', [id]);
}

describe('adding a demo', () => {
  it('answers 201 with a draft, its ETag and its place', async () => {
    const input = demoInput({
      title: `Gestão ${unique()}`,
      description: 'Two\nlines.',
      tags: ['maps', 'live'],
      docsUrl: 'https://docs.example.com/a?b=c#d',
      thumbnailUrl: 'http://img.example.com/1.png',
    });
    const reply = await admin.post('/demos', input);
    expect(reply.status).toBe(201);
    const { id, slug } = reply.body as { id: string; slug: string };
    expect(reply.headers).toMatchObject({ location: `/api/v1/demos/${id}`, etag: '"1"' });
    expect(reply.body).toEqual({
      ...input,
      id,
      slug: String(input.title).toLowerCase().replace('ã', 'a').replace(' ', '-'),
      status: 'draft',
      publishedAt: null,
      retiredAt: null,
      createdAt: expect.stringMatching(INSTANT),
      updatedAt: expect.stringMatching(INSTANT),
      version: 1,
    });
    for (const key of [id, slug]) expect((await viewer.get(`/demos/${key}`)).body).toEqual(reply.body);
    expect((await audited(id)).map(({ action }) => action)).toEqual(['demo.created']);
    const history = await app.sql('SELECT status FROM demo_status_changes WHERE demo_id = ?', [id]);
    expect(history).toEqual([{ status: 'draft' }]);
  });

  it('asks for no more than title, summary, category and launch', async () => {
    const { title, summary, category, launch } = demoInput();
    const reply = await admin.post('/demos', { title, summary, category, launch });
    expect(reply.status).toBe(201);
    expect(reply.body).toMatchObject({ description: null, tags: [], docsUrl: null, thumbnailUrl: null });
  });

  it.each<[string, string, Record<string, unknown>]>([
    ['no title', 'title', { title: undefined }],
    ['an empty title', 'title', { title: '  ' }],
    ['a long title', 'title', { title: 'a'.repeat(201) }],
    ['a NUL in the summary', 'summary', { summary: 'a\0b' }],
    ['a lone surrogate in the description', 'description', { description: 'a\ud800' }],
    ['a null category', 'category', { category: null }],
    ['tags as text', 'tags', { tags: 'maps' }],
    ['a tag twice', 'tags', { tags: ['maps', ' maps'] }],
    ['an empty tag', 'tags', { tags: [''] }],
    ['a script as documentation', 'docsUrl', { docsUrl: 'javascript:alert(1)' }],
    ['data as thumbnail', 'thumbnailUrl', { thumbnailUrl: 'data:image/png;base64,AA' }],
    ['a status', 'status', { status: 'published' }],
    ['a slug', 'slug', { slug: 'mine' }],
    ['a version', 'version', { version: 7 }],
    ['no launch', 'launch', { launch: undefined }],
    ['a null launch', 'launch', { launch: null }],
    ['a launch that is text', 'launch', { launch: 'https://demo.example.com' }],
    ['a list of launches', 'launch', { launch: [{ kind: 'link', url: 'https://demo.example.com' }] }],
    ['a launch of no kind', 'launch.kind', { launch: { url: 'https://demo.example.com' } }],
    ['a launch of another kind', 'launch.kind', { launch: { kind: 'iframe', url: 'https://a.example.com' } }],
    ['a launch of a kind by nature', 'launch.kind', { launch: { kind: 'constructor' } }],
    ['a script as link', 'launch.url', { launch: { kind: 'link', url: 'javascript:alert(1)' } }],
    ['data as link', 'launch.url', { launch: { kind: 'link', url: 'data:text/html,hi' } }],
    ['a link without host', 'launch.url', { launch: { kind: 'link', url: 'https://' } }],
    ['a link with a password', 'launch.url', { launch: { kind: 'link', url: 'https://a:b@c.example.com' } }],
    [
      'a link with a port of its own',
      'launch.port',
      { launch: { kind: 'link', url: 'https://a.example.com', port: 1 } },
    ],
    ['no image', 'launch.imageId', { launch: { kind: 'container', port: 80 } }],
    ['an unknown image', 'launch.imageId', { launch: { kind: 'container', imageId: UNKNOWN, port: 80 } }],
    ['no port', 'launch.port', { launch: { kind: 'container', imageId: UNKNOWN } }],
    ['a port that is none', 'launch.port', { launch: { kind: 'container', imageId: UNKNOWN, port: 65_536 } }],
    [
      'cores of words',
      'launch.cpu',
      { launch: { kind: 'container', imageId: UNKNOWN, port: 80, cpu: 'two' } },
    ],
    ['no cores', 'launch.cpu', { launch: { kind: 'container', imageId: UNKNOWN, port: 80, cpu: '0.0' } }],
    [
      'negative memory',
      'launch.memory',
      { launch: { kind: 'container', imageId: UNKNOWN, port: 80, memory: '-1Gi' } },
    ],
    [
      'no minutes',
      'launch.maxMinutes',
      { launch: { kind: 'container', imageId: UNKNOWN, port: 80, maxMinutes: 0 } },
    ],
    [
      'half a minute',
      'launch.idleMinutes',
      { launch: { kind: 'container', imageId: UNKNOWN, port: 80, idleMinutes: 0.5 } },
    ],
    [
      'an environment that is a list',
      'launch.env',
      { launch: { kind: 'container', imageId: UNKNOWN, port: 80, env: ['A=1'] } },
    ],
    [
      'a variable with a dash',
      'launch.env',
      { launch: { kind: 'container', imageId: UNKNOWN, port: 80, env: { 'A-B': '1' } } },
    ],
    [
      'a variable that is a number',
      'launch.env',
      { launch: { kind: 'container', imageId: UNKNOWN, port: 80, env: { A: 1 } } },
    ],
    [
      'a variable with NUL',
      'launch.env',
      { launch: { kind: 'container', imageId: UNKNOWN, port: 80, env: { A: '\0' } } },
    ],
    [
      'a null environment',
      'launch.env',
      { launch: { kind: 'container', imageId: UNKNOWN, port: 80, env: null } },
    ],
  ])('refuses %s, naming %s', async (_, field, fields) => {
    expectProblem(await admin.post('/demos', demoInput(fields)), 400, 'validation', field);
  });

  it('gives each demo of a title its own slug, also at once', async () => {
    const title = `CRM ${unique()}`;
    const replies = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        admin.post('/demos', demoInput({ title: i === 7 ? `${title} 2` : title })),
      ),
    );
    expect(replies.map(({ status }) => status)).toEqual(Array(30).fill(201));
    const slugs = replies.map(({ body }) => body.slug as string);
    expect(new Set(slugs).size).toBe(30);
    const base = title.toLowerCase().replace(' ', '-');
    expect(slugs).toEqual(expect.arrayContaining([base, `${base}-2`, `${base}-3`, `${base}-29`]));
  });

  it.each([
    ['日本語のデモ', /^demo(-\d+)?$/],
    ['019a0000-0000-7000-8000-000000000000', /^demo-019a0000-0000-7000-8000-000000000000$/],
  ])('makes a slug of %s', async (title, slug) => {
    const demo = await draft({ title });
    expect(demo.slug).toMatch(slug);
    expect((await admin.get(`/demos/${demo.slug}`)).body).toEqual(demo);
  });

  it('happens once by one Idempotency-Key', async () => {
    const input = demoInput();
    const idempotencyKey = unique();
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => admin.post('/demos', input, { idempotencyKey })),
    );
    expect(replies.every(({ status }) => status === 201)).toBe(true);
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
  });
});

describe('a container demo', () => {
  it('keeps its launch; the environment is shown to administrators only and never in the audit log', async () => {
    const launch = {
      kind: 'container',
      imageId: await newImage(),
      port: 8080,
      cpu: '0.5',
      memory: '512Mi',
      maxMinutes: 60,
      idleMinutes: 10,
      env: { SECRET_KEY: 'hunter2-secret' },
    };
    const demo = await app.createDemo({ launch });
    expect(demo.launch).toEqual(launch);
    const { env, ...shown } = launch;
    expect((await viewer.get(`/demos/${demo.id}`)).body.launch).toEqual(shown);
    const seen = (await viewer.get('/demos', { query: { search: demo.title } })).body.items[0].launch;
    expect(seen).toEqual(shown);
    expect((await admin.get('/demos', { query: { search: demo.title } })).body.items[0].launch).toEqual(
      launch,
    );

    const other = { ...launch, env: { SECRET_KEY: 'changed-secret' } };
    const changed = await answered(200, admin.patch(`/demos/${demo.id}`, { launch: other }, { ifMatch: 2 }));
    expect(changed.body.launch).toEqual(other);
    const entries = JSON.stringify(await audited(demo.id));
    expect(entries).not.toMatch(/hunter2|changed-secret/);
    expect(entries).toContain('(left out)');
    expect(env.SECRET_KEY).toBe('hunter2-secret');
  });

  it('may become a link', async () => {
    const demo = await draft({ launch: { kind: 'container', imageId: await newImage(), port: 1 } });
    const launch = { kind: 'link', url: 'https://demos.example.com/x' };
    const reply = await admin.patch(`/demos/${demo.id}`, { launch }, { ifMatch: 1 });
    expect(reply.body.launch).toEqual(launch);
    const bad = { launch: { kind: 'container', imageId: UNKNOWN, port: 1 } };
    expectProblem(
      await admin.patch(`/demos/${demo.id}`, bad, { ifMatch: 2 }),
      400,
      'validation',
      'launch.imageId',
    );
    expect((await admin.get(`/demos/${demo.id}`)).body).toEqual(reply.body);
  });
});

describe('changing a demo', () => {
  it('needs the version that is current', async () => {
    const demo = await draft();
    const path = `/demos/${demo.id}`;
    const reply = await admin.patch(path, { title: 'Another title', tags: ['x'] }, { ifMatch: 1 });
    expect(reply.body).toEqual({
      ...demo,
      title: 'Another title',
      tags: ['x'],
      version: 2,
      updatedAt: reply.body.updatedAt,
    });
    expect(reply.headers.etag).toBe('"2"');
    expectProblem(await admin.patch(path, { title: 'X' }), 428, 'precondition-required');
    expectProblem(await admin.patch(path, { title: 'X' }, { ifMatch: 1 }), 412, 'version-mismatch');
    expectProblem(await admin.patch(path, { title: 'X' }, { ifMatch: 'W/"2"' }), 412, 'version-mismatch');
    expectProblem(await admin.patch(path, { title: null }, { ifMatch: 2 }), 400, 'validation', 'title');
    expectProblem(await admin.patch(path, { slug: 'x' }, { ifMatch: 2 }), 400, 'validation', 'slug');
    expectProblem(await admin.patch(`/demos/${UNKNOWN}`, { title: 'X' }, { ifMatch: 1 }), 404, 'not-found');
    expectProblem(await admin.patch(`/demos/${demo.slug}`, { title: 'X' }, { ifMatch: 2 }), 404, 'not-found');
    const cleared = await admin.patch(path, { description: null, docsUrl: null }, { ifMatch: '*' });
    expect(cleared.body.version).toBe(2);
    expect(await audited(demo.id)).toMatchObject([
      { action: 'demo.created' },
      {
        action: 'demo.updated',
        before: JSON.stringify({ tags: ['sample'], title: demo.title }),
        after: JSON.stringify({ tags: ['x'], title: 'Another title' }),
      },
    ]);
  });

  it('tells one of two who change it at once', async () => {
    const { id } = await draft();
    const replies = await Promise.all(
      ['a', 'b'].map((summary) => admin.patch(`/demos/${id}`, { summary }, { ifMatch: 1 })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 412]);
    expectProblem(
      replies.find(({ status }) => status === 412)!,
      412,
      'version-mismatch',
    );
  });
});

describe('publishing, unpublishing, retiring', () => {
  it('go draft, published, draft, published, retired', async () => {
    const demo = await draft();
    const act = (action: string, options = {}) =>
      admin.post(`/demos/${demo.id}/${action}`, undefined, options);
    const published = await act('publish');
    expect(published.body).toMatchObject({
      status: 'published',
      version: 2,
      publishedAt: expect.stringMatching(INSTANT),
    });
    expect((await act('publish')).body).toEqual(published.body);
    expectProblem(await act('unpublish', { ifMatch: 1 }), 412, 'version-mismatch');
    const back = await act('unpublish', { ifMatch: 2 });
    expect(back.body).toMatchObject({ status: 'draft', publishedAt: null, version: 3 });
    expect((await act('unpublish')).body).toEqual(back.body);
    await act('publish');

    expectProblem(await admin.delete(`/demos/${demo.id}`), 428, 'precondition-required');
    expectProblem(await admin.delete(`/demos/${demo.id}`, { ifMatch: 3 }), 412, 'version-mismatch');
    expect((await admin.delete(`/demos/${demo.id}`, { ifMatch: 4 })).status).toBe(204);
    for (const ifMatch of [4, 5, '*']) {
      expect((await admin.delete(`/demos/${demo.id}`, { ifMatch })).status).toBe(204);
    }
    expectProblem(await act('publish'), 409, 'conflict');
    expectProblem(await act('unpublish'), 409, 'conflict');
    expectProblem(await admin.patch(`/demos/${demo.id}`, { title: 'X' }, { ifMatch: 5 }), 409, 'conflict');
    const retired = (await admin.get(`/demos/${demo.id}`)).body;
    expect(retired).toMatchObject({
      status: 'retired',
      retiredAt: expect.stringMatching(INSTANT),
      version: 5,
    });

    expect((await audited(demo.id)).map(({ action }) => action)).toEqual([
      'demo.created',
      'demo.published',
      'demo.unpublished',
      'demo.published',
      'demo.retired',
    ]);
    const history = await app.sql<{ status: string }>(
      'SELECT status FROM demo_status_changes WHERE demo_id = ? ORDER BY at, id',
      [demo.id],
    );
    expect(history.map(({ status }) => status)).toEqual([
      'draft',
      'published',
      'draft',
      'published',
      'retired',
    ]);
  });

  it('at once change it once', async () => {
    const { id } = await draft();
    const replies = await Promise.all(Array.from({ length: 10 }, () => admin.post(`/demos/${id}/publish`)));
    expect(replies.map(({ status, body }) => [status, body.version as number])).toEqual(
      Array(10).fill([200, 2]),
    );
    expect((await audited(id)).map(({ action }) => action)).toEqual(['demo.created', 'demo.published']);
  });

  it('of an unknown demo are 404', async () => {
    for (const action of ['publish', 'unpublish']) {
      expectProblem(await admin.post(`/demos/${UNKNOWN}/${action}`), 404, 'not-found');
      expectProblem(await admin.post(`/demos/nonsense/${action}`), 404, 'not-found');
    }
    expectProblem(await admin.delete(`/demos/${UNKNOWN}`, { ifMatch: 1 }), 404, 'not-found');
    expectProblem(await admin.get(`/demos/${UNKNOWN}/impact`), 404, 'not-found');
  });
});

describe('the impact of retiring a demo', () => {
  it('counts clients, live sessions and pending requests', async () => {
    const demo = await app.createDemo();
    const impact = async () => (await answered(200, viewer.get(`/demos/${demo.id}/impact`))).body as unknown;
    expect(await impact()).toEqual({ clients: 0, liveSessions: 0, pendingRequests: 0 });
    const [one, two, revoked] = await Promise.all([
      app.createClient(),
      app.createClient(),
      app.createClient(),
    ]);
    for (const { id } of [one, two, revoked]) await app.grant(id, demo.id);
    await answered(201, (await one.signIn()).post(`/demos/${demo.id}/open`));
    await answered(200, admin.post(`/clients/${revoked.id}/revoke`, { reason: 'Over' }));
    const at = app.dialect === 'sqlite' ? '2026-11-21 12:00:00.000' : '2026-11-21T12:00:00.000Z';
    await app.sql(
      `INSERT INTO requests (id, client_id, kind, status, version, created_at, updated_at) VALUES (?, ?, 'access', 'pending', 1, ?, ?)`,
      [UNKNOWN, two.id, at, at],
    );
    await app.sql('INSERT INTO request_items (request_id, demo_id) VALUES (?, ?)', [UNKNOWN, demo.id]);
    expect(await impact()).toEqual({ clients: 2, liveSessions: 1, pendingRequests: 1 });
    await answered(204, admin.delete(`/demos/${demo.id}`, { ifMatch: '*' }));
    expect(await impact()).toMatchObject({ liveSessions: 0 });
  });
});

describe('the catalog', () => {
  it('shows clients what is published, what is granted, and nothing of the launch', async () => {
    const word = unique();
    const imageId = await newImage();
    const [granted, other, hidden] = [
      await app.createDemo({ title: `Granted ${word}`, launch: { kind: 'container', imageId, port: 80 } }),
      await app.createDemo({ title: `Other ${word}` }),
      await draft({ title: `Hidden ${word}` }),
    ];
    const account = await app.createClient();
    await app.grant(account.id, granted.id);
    const client = await account.signIn();
    const list = (query = {}) => client.get('/demos', { query: { search: word, sort: 'title', ...query } });

    const all = await answered(200, list());
    const { launch: _l, createdAt: _c, updatedAt: _u, retiredAt: _r, ...fields } = granted;
    expect(all.body).toMatchObject({ total: 2, nextCursor: null });
    expect(all.body.items[0]).toEqual({ ...fields, granted: true });
    expect(all.body.items[1]).toMatchObject({ id: other.id, granted: false });
    expect(all.text).not.toMatch(/launch|imageId|docker/i);
    for (const key of [granted.id, granted.slug]) {
      expect((await client.get(`/demos/${key}`)).body).toEqual({ ...fields, granted: true });
    }
    expect(idsOf(await list({ granted: true }))).toEqual([granted.id]);
    expect(idsOf(await list({ granted: false }))).toEqual([other.id]);
    expect(idsOf(await list({ status: 'draft' }))).toEqual([]);
    for (const key of [hidden.id, hidden.slug, UNKNOWN, 'no-such-demo', '..%2F']) {
      const reply = await client.get(`/demos/${key}`);
      expect([404, 400]).toContain(reply.status);
    }
    expectProblem(await client.get(`/demos/${hidden.slug}`), 404, 'not-found');

    await answered(204, admin.delete(`/demos/${granted.id}`, { ifMatch: '*' }));
    expectProblem(await client.get(`/demos/${granted.id}`), 404, 'not-found');
    expect(idsOf(await list())).toEqual([other.id]);
    expect(idsOf(await viewer.get('/demos', { query: { search: word, status: 'retired' } }))).toEqual([
      granted.id,
    ]);
  });

  it('is granted only while the grant’s window holds', async () => {
    const demo = await app.createDemo();
    const account = await app.createClient();
    await app.grant(account.id, demo.id, { startsAt: new Date(Date.now() + 3_600_000).toISOString() });
    const client = await account.signIn();
    expect((await client.get(`/demos/${demo.id}`)).body.granted).toBe(false);
    await app.grant(account.id, demo.id);
    expect((await client.get(`/demos/${demo.id}`)).body.granted).toBe(true);
  });

  it('is filtered by category, tag and status, and searched literally in any case', async () => {
    const word = unique();
    const category = `cat-${word}`;
    const [a, b, c] = [
      await draft({ title: `50% off_ ${word}`, category, tags: ['maps', 'a"b'] }),
      await app.createDemo({ title: `500 offx ${word}`, category, tags: ['map'] }),
      await draft({ title: `ÁRVORE ${word} back\\slash`, summary: 'Straße', tags: [] }),
    ];
    const find = async (query: Record<string, string>) =>
      idsOf(await answered(200, viewer.get('/demos', { query: { sort: 'createdAt', ...query } })));
    expect(await find({ category })).toEqual([a.id, b.id]);
    expect(await find({ category, tag: 'map' })).toEqual([b.id]);
    expect(await find({ category, tag: 'maps' })).toEqual([a.id]);
    expect(await find({ category, tag: 'a"b' })).toEqual([a.id]);
    expect(await find({ category, status: 'draft' })).toEqual([a.id]);
    expect(await find({ search: `50% OFF_ ${word}` })).toEqual([a.id]);
    expect(await find({ search: `off_ ${word}` })).toEqual([a.id]);
    expect(await find({ search: `ÁRvore ${word}` })).toEqual([c.id]);
    expect(await find({ search: `${word} back\\s` })).toEqual([c.id]);
    expect(await find({ search: `${word}%` })).toEqual([]);
    expect(await find({ category, search: `'; DROP TABLE demos; --` })).toEqual([]);
  });

  it.each<[string, Record<string, string | string[]>]>([
    ['status', { status: 'live' }],
    ['granted', { granted: 'true' }],
    ['colour', { colour: 'red' }],
    ['sort', { sort: 'launchUrl' }],
    ['sort', { sort: '__proto__' }],
    ['limit', { limit: '101' }],
    ['limit', { limit: 'NaN' }],
    ['cursor', { cursor: 'abc.def' }],
    ['tag', { tag: ['a', 'b'] }],
    ['search', { search: 'a\0b' }],
  ])('refuses an administrator’s query with a bad %s', async (field, query) => {
    expectProblem(await admin.get('/demos', { query }), 400, 'validation', field);
  });

  it('comes page by page, each demo once', async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await answered(
        200,
        admin.get('/demos', { query: { limit: 17, sort: '-title', cursor } }),
      );
      seen.push(...(body.items as { id: string }[]).map(({ id }) => id));
      cursor = (body.nextCursor as string | null) ?? undefined;
      if (!cursor) expect(seen).toHaveLength(body.total as number);
    } while (cursor);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('is changed by administrators only', async () => {
    const demo = await app.createDemo();
    const client = await (await app.createClient()).signIn();
    for (const who of [viewer, client]) {
      expectProblem(await who.post('/demos', demoInput()), 403, 'forbidden');
      expectProblem(await who.patch(`/demos/${UNKNOWN}`, {}, { ifMatch: 1 }), 403, 'forbidden');
      expectProblem(await who.delete(`/demos/${demo.id}`, { ifMatch: 2 }), 403, 'forbidden');
      expectProblem(await who.post(`/demos/${demo.id}/publish`), 403, 'forbidden');
      expectProblem(await who.post(`/demos/${demo.id}/unpublish`), 403, 'forbidden');
    }
    expectProblem(await client.get(`/demos/${demo.id}/impact`), 403, 'forbidden');
    expectProblem(await app.get('/demos'), 401, 'unauthenticated');
  });
});
