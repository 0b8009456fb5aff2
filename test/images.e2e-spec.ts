import { answered, startApp, type Session, type TestApp } from './support/app.js';
import { expectProblem } from './support/http.js';
import { demoInput, imageInput, unique } from './support/inputs.js';

const UNKNOWN = '019a0000-0000-7000-8000-000000000000';

let app: TestApp;
let admin: Session;
let viewer: Session;

beforeAll(async () => {
  app = await startApp();
  admin = await app.admin();
  viewer = await (await app.createUser()).signIn();
});

const make = async (fields = {}) => (await answered(201, admin.post('/images', imageInput(fields)))).body;

describe('images', () => {
  it('are added in their canonical form, and read', async () => {
    const name = `team-${unique()}/crm`;
    const reply = await admin.post('/images', { reference: ` ${name} `, description: 'The CRM.\nOf 2026.' });
    expect(reply.status).toBe(201);
    const { id } = reply.body as { id: string };
    expect(reply.headers).toMatchObject({ location: `/api/v1/images/${id}`, etag: '"1"' });
    expect(reply.body).toEqual({
      id,
      reference: `docker.io/${name}:latest`,
      registry: 'docker.io',
      repository: name,
      tag: 'latest',
      digest: null,
      movedDigest: null,
      description: 'The CRM.\nOf 2026.',
      sizeBytes: null,
      platforms: null,
      resolvedAt: null,
      version: 1,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    expect((await viewer.get(`/images/${id}`)).body).toEqual(reply.body);
    expect((await viewer.get('/images', { query: { limit: 1 } })).body.items).toEqual([reply.body]);
  });

  it.each([
    ['shell characters', 'alpine; rm -rf /'],
    ['a substitution', 'alpine:$(id)'],
    ['a digest', `alpine@sha256:${'a1'.repeat(32)}`],
    ['upper case', 'registry.example.com/CRM:1'],
    ['an address', 'https://registry.example.com/crm'],
    ['nothing', ''],
    ['a list', ['alpine']],
    ['null', null],
    ['too much', `registry.example.com/${'a/'.repeat(300)}a`],
  ])('are refused with %s in the reference', async (_, reference) => {
    expectProblem(await admin.post('/images', { reference }), 400, 'validation', 'reference');
  });

  it('are known by their canonical form: a second is 409, also of fifty at once', async () => {
    const name = `library/${unique()}`;
    const spellings = [name.slice(8), name, `docker.io/${name}:latest`, `index.docker.io/${name}`];
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, i) => admin.post('/images', { reference: spellings[i % 4] })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(49).fill(409)]);
    expectProblem(
      replies.find(({ status }) => status === 409)!,
      409,
      'conflict',
    );
  });

  it('are made once by one Idempotency-Key', async () => {
    const input = imageInput();
    const idempotencyKey = unique();
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => admin.post('/images', input, { idempotencyKey })),
    );
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(replies.every(({ status }) => status === 201)).toBe(true);
    expectProblem(await admin.post('/images', imageInput(), { idempotencyKey }), 422, 'idempotency-mismatch');
  });

  it('change under If-Match; another reference is not resolved', async () => {
    const { id } = await make();
    await app.sql('UPDATE docker_images SET digest = ?, size_bytes = 5000000000 WHERE id = ?', [
      `sha256:${'a1'.repeat(32)}`,
      id,
    ]);
    expect((await admin.get(`/images/${id}`)).body.sizeBytes).toBe(5_000_000_000);
    const described = await admin.patch(`/images/${id}`, { description: 'New' }, { ifMatch: 1 });
    expect(described.body).toMatchObject({ description: 'New', sizeBytes: 5_000_000_000, version: 2 });
    const reference = `localhost:5000/${unique()}:2`;
    const changed = await admin.patch(`/images/${id}`, { reference }, { ifMatch: 2 });
    expect(changed.body).toMatchObject({ reference, digest: null, sizeBytes: null, tag: '2', version: 3 });
    expect(changed.headers.etag).toBe('"3"');
    const same = await admin.patch(`/images/${id}`, { reference, description: 'New' }, { ifMatch: '*' });
    expect(same.body).toEqual(changed.body);

    expectProblem(await admin.patch(`/images/${id}`, { reference }), 428, 'precondition-required');
    expectProblem(await admin.patch(`/images/${id}`, { reference }, { ifMatch: 1 }), 412, 'version-mismatch');
    expectProblem(await admin.patch(`/images/${UNKNOWN}`, { reference }, { ifMatch: 1 }), 404, 'not-found');
    expectProblem(
      await admin.patch(`/images/${id}`, { digest: 'x' }, { ifMatch: 3 }),
      400,
      'validation',
      'digest',
    );
    const other = await make();
    const taken = { reference: other.reference as string };
    expectProblem(await admin.patch(`/images/${id}`, taken, { ifMatch: 3 }), 409, 'conflict');
    expect((await admin.get(`/images/${id}`)).body).toEqual(changed.body);
  });

  it('of two changes at once one is told', async () => {
    const { id } = await make();
    const replies = await Promise.all(
      ['a', 'b'].map((description) => admin.patch(`/images/${id}`, { description }, { ifMatch: 1 })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  it('are removed, unless a demo is launched from them', async () => {
    const image = await make();
    const launch = { kind: 'container', imageId: image.id as string, port: 8080 };
    const demo = await app.createDemo({ launch });
    expectProblem(await admin.delete(`/images/${image.id}`), 428, 'precondition-required');
    expectProblem(await admin.delete(`/images/${image.id}`, { ifMatch: 1 }), 409, 'conflict');
    const link = demoInput().launch;
    await answered(200, admin.patch(`/demos/${demo.id}`, { launch: link }, { ifMatch: '*' }));
    expect((await admin.delete(`/images/${image.id}`, { ifMatch: 1 })).status).toBe(204);
    expectProblem(await admin.get(`/images/${image.id}`), 404, 'not-found');
    expectProblem(await admin.delete(`/images/${image.id}`, { ifMatch: 1 }), 404, 'not-found');
    const entries = await app.sql<{ action: string }>(
      'SELECT action FROM audit_log WHERE entity_id = ? ORDER BY seq',
      [image.id],
    );
    expect(entries.map(({ action }) => action)).toEqual(['image.created', 'image.removed']);
  });

  it('are listed page by page in either order', async () => {
    const references = [];
    let cursor: string | undefined;
    do {
      const query = { limit: 5, sort: 'reference', cursor };
      const { body } = await answered(200, viewer.get('/images', { query }));
      references.push(...(body.items as { reference: string }[]).map(({ reference }) => reference));
      cursor = (body.nextCursor as string | null) ?? undefined;
      if (!cursor) expect(references).toHaveLength(body.total as number);
    } while (cursor);
    expect(references).toEqual([...new Set(references)].sort());
    expectProblem(await viewer.get('/images', { query: { sort: 'tag' } }), 400, 'validation', 'sort');
  });

  it('are for users only, and changed by administrators only', async () => {
    const image = await make();
    const client = await (await app.createClient()).signIn();
    for (const path of ['/images', `/images/${image.id}`]) {
      expectProblem(await client.get(path), 403, 'forbidden');
      expectProblem(await app.get(path), 401, 'unauthenticated');
    }
    expectProblem(await viewer.post('/images', imageInput()), 403, 'forbidden');
    expectProblem(await viewer.patch(`/images/${UNKNOWN}`, {}, { ifMatch: 1 }), 403, 'forbidden');
    expectProblem(await viewer.delete(`/images/${UNKNOWN}`, { ifMatch: 1 }), 403, 'forbidden');
    expectProblem(await admin.get('/images/nonsense'), 404, 'not-found');
  });
});
