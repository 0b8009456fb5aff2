/** Keys of other services: made and shown once, scoped, expiring, removed (api.md, Accounts and sessions). */
import { createHash } from 'node:crypto';
import { keyScopes } from '../src/auth/access.js';
import { answered, startApp, type Session, type TestApp } from './support/app.js';
import { API, expectProblem, Http, type Reply } from './support/http.js';
import { clientInput, demoInput, imageInput } from './support/inputs.js';

const DAY = 86_400_000;
const MINUTE = 60_000;
const UNKNOWN = '01a2007e-fabe-7512-bfa0-12b3f58b1809';

describe('API keys', () => {
  let app: TestApp;
  let admin: Session;
  let viewer: Session;
  beforeAll(async () => {
    app = await startApp();
    admin = await app.admin();
    viewer = await (await app.createUser()).signIn();
  });
  /** Moves the clock for one test; sessions of another time are over then. */
  const at = async (instant: Date | string): Promise<void> => {
    await app.clock.set(instant);
    admin = await app.admin();
  };
  afterEach(async () => {
    await app.clock.reset();
    admin = await app.admin();
  });

  const input = (over: Record<string, unknown> = {}) => ({
    name: 'Runner',
    scopes: ['clients:read'],
    expiresAt: new Date(Date.now() + 30 * DAY).toISOString(),
    ...over,
  });
  const make = async (...scopes: string[]) =>
    (await answered(201, admin.post('/api-keys', input({ scopes })))).body;
  const using = ({ key }: { key: string }): Http =>
    new Http(
      () => app['server'](),
      () => key,
    );
  const audited = (id: string) =>
    app.sql('SELECT action, actor_kind, actor_id, "after" FROM audit_log WHERE entity_id = ? ORDER BY seq', [
      id,
    ]);
  const lastUse = async (id: string): Promise<string | null> =>
    (await admin.get(`/api-keys/${id}`)).body.lastUsedAt as string | null;

  describe('making one', () => {
    it('shows it once and keeps its hash only', async () => {
      const sent = input({ name: 'Runner of demos', scopes: ['demos:read', 'demo-sessions:verify'] });
      const made = await admin.post('/api-keys', sent);
      expect(made.status).toBe(201);
      expect(made.body).toEqual({
        id: expect.any(String),
        ...sent,
        createdAt: expect.any(String),
        createdById: admin.account.id,
        createdByName: expect.any(String),
        createdByRemovedAt: null,
        lastUsedAt: null,
        key: expect.stringMatching(/^eck_[\w-]{43}$/),
      });
      const { key, ...shown } = made.body;
      expect(made.headers.location).toBe(`${API}/api-keys/${shown.id}`);
      const read = await viewer.raw('GET', made.headers.location!);
      expect(read.body).toEqual(shown);
      expect(read.headers.etag).toBeUndefined();
      const rows = await app.sql('SELECT * FROM api_keys WHERE id = ?', [shown.id]);
      expect(rows[0]).toMatchObject({ key_hash: createHash('sha256').update(key).digest('hex') });
      expect(JSON.stringify(rows)).not.toContain(key.slice(4));
      const [entry] = await audited(shown.id);
      expect(entry).toMatchObject({
        action: 'api-key.created',
        actor_kind: 'user',
        actor_id: admin.account.id,
      });
      expect(JSON.stringify(await app.sql('SELECT * FROM audit_log'))).not.toContain(key.slice(4));
      expect((await using({ key }).get('/demos')).status).toBe(200);
      expect(app.output).not.toContain(key.slice(4));
    });

    it.each([
      ['name', { name: undefined }],
      ['name', { name: ' ' }],
      ['name', { name: 'x'.repeat(201) }],
      ['scopes', { scopes: undefined }],
      ['scopes', { scopes: [] }],
      ['scopes', { scopes: 'clients:read' }],
      ['scopes', { scopes: ['clients:read', 'clients:read'] }],
      ['scopes', { scopes: ['clients:read', 'users:read'] }],
      ['scopes', { scopes: ['analytics:write'] }],
      ['scopes', { scopes: [null] }],
      ['scopes', { scopes: [['clients:read']] }],
      ['expiresAt', { expiresAt: undefined }],
      ['expiresAt', { expiresAt: null }],
      ['expiresAt', { expiresAt: '2020-01-01T00:00:00Z' }],
      ['expiresAt', { expiresAt: '2090-01-01T00:00:00' }],
      ['createdById', { createdById: UNKNOWN }],
      ['lastUsedAt', { lastUsedAt: null }],
      ['key', { key: 'eck_mine' }],
    ])('refuses a wrong %s: %j', async (field, over) => {
      expectProblem(await admin.post('/api-keys', input(over)), 400, 'validation', field);
    });

    it('needs an end later than now, to the millisecond', async () => {
      const now = new Date(Date.now() + DAY);
      await at(now);
      const ending = (ms: number) =>
        admin.post('/api-keys', input({ expiresAt: new Date(now.getTime() + ms).toISOString() }));
      expectProblem(await ending(0), 400, 'validation', 'expiresAt');
    });

    it('is repeated by an Idempotency-Key, without the secret', async () => {
      const sent = input({ name: 'Kept' });
      const first = await admin.post('/api-keys', sent, { idempotencyKey: 'one-key' });
      const again = await admin.post('/api-keys', sent, { idempotencyKey: 'one-key' });
      const { key, ...shown } = first.body;
      expect(again.status).toBe(201);
      expect(again.body).toEqual(shown);
      const other = await admin.post('/api-keys', { ...sent, name: 'Other' }, { idempotencyKey: 'one-key' });
      expectProblem(other, 422, 'idempotency-mismatch');
      expect(JSON.stringify(await app.sql('SELECT * FROM idempotency_keys'))).not.toContain(key.slice(4));
    });

    it('is the administrator’s: not the viewer’s, a client’s, or a key’s', async () => {
      const client = await (await app.createClient()).signIn();
      const every = using(await make(...keyScopes));
      for (const caller of [viewer, client, every]) {
        expectProblem(await caller.post('/api-keys', input()), 403, 'forbidden');
        expectProblem(await caller.delete(`/api-keys/${UNKNOWN}`), 403, 'forbidden');
      }
      for (const caller of [client, every]) expectProblem(await caller.get('/api-keys'), 403, 'forbidden');
      expectProblem(await app.post('/api-keys', input()), 401, 'unauthenticated');
    });
  });

  describe('the list', () => {
    it('is paged and sorted, shows no secret, and no removed key', async () => {
      const [a, b] = [await make('audit:read'), await make('audit:read')];
      const gone = await make('audit:read');
      expect((await admin.delete(`/api-keys/${gone.id}`)).status).toBe(204);
      const whole = await viewer.get('/api-keys', { query: { limit: 100 } });
      const ids = whole.body.items.map(({ id }: { id: string }) => id);
      expect(ids.slice(0, 2)).toEqual([b.id, a.id]);
      expect(ids).not.toContain(gone.id);
      expect(whole.body.total).toBe(ids.length);
      expect(whole.text).not.toContain('eck_');
      expect(whole.text).not.toContain('keyHash');
      const page = (query: Record<string, string | number>) => viewer.get('/api-keys', { query });
      const first = await page({ limit: 1, sort: 'expiresAt' });
      const second = await page({ limit: 1, sort: 'expiresAt', cursor: first.body.nextCursor });
      expect(second.body.items[0].id).not.toBe(first.body.items[0].id);
      expectProblem(await page({ sort: 'keyHash' }), 400, 'validation', 'sort');
      expectProblem(await page({ scopes: 'audit:read' }), 400, 'validation', 'scopes');
    });
  });

  describe('removing one', () => {
    it('binds the next request', async () => {
      const made = await make('clients:read');
      const service = using(made);
      expect((await service.get('/clients')).status).toBe(200);
      expect((await admin.delete(`/api-keys/${made.id}`)).status).toBe(204);
      expectProblem(await service.get('/clients'), 401, 'unauthenticated');
      expectProblem(await admin.delete(`/api-keys/${made.id}`), 404, 'not-found');
      expectProblem(await admin.get(`/api-keys/${made.id}`), 404, 'not-found');
      const actions = (await audited(made.id)).map(({ action }) => action);
      expect(actions).toEqual(['api-key.created', 'api-key.removed']);
    });

    it('is not the end of who made it: the key lives on, and says that its maker is gone', async () => {
      const maker = await app.createUser({ role: 'admin' });
      const made = await (await maker.signIn()).post('/api-keys', input({ scopes: ['demos:read'] }));
      expect(made.body).toMatchObject({ createdByName: maker.body.name, createdByRemovedAt: null });
      expect((await admin.delete(`/users/${maker.id}`, { ifMatch: '*' })).status).toBe(204);
      expect((await using(made.body).get('/demos')).status).toBe(200);
      const listed = (await admin.get('/api-keys', { query: { limit: 100 } })).body.items;
      const gone = {
        id: made.body.id,
        createdById: maker.id,
        createdByName: maker.body.name,
        createdByRemovedAt: expect.stringMatching(/Z$/),
      };
      expect(listed).toContainEqual(expect.objectContaining(gone));
      expect((await admin.get(`/api-keys/${made.body.id}`)).body).toMatchObject(gone);
    });

    it('is done once, of many at a time', async () => {
      const { id } = await make('clients:read');
      const statuses = (
        await Promise.all(Array.from({ length: 8 }, () => admin.delete(`/api-keys/${id}`)))
      ).map(({ status }) => status);
      expect(statuses.sort()).toEqual([204, ...Array<number>(7).fill(404)]);
      expect(await audited(id)).toHaveLength(2);
    });
  });

  describe('using one', () => {
    it('ends at its instant', async () => {
      const now = Date.now();
      const expiresAt = new Date(now + DAY);
      const made = (await admin.post('/api-keys', input({ expiresAt: expiresAt.toISOString() }))).body;
      await app.clock.set(new Date(expiresAt.getTime() - 1));
      expect((await using(made).get('/clients')).status).toBe(200);
      await app.clock.set(expiresAt);
      expectProblem(await using(made).get('/clients'), 401, 'unauthenticated');
    });

    it('takes nothing but the key', async () => {
      const { key, id } = await make('clients:read');
      const { key_hash: hash } = (await app.sql('SELECT key_hash FROM api_keys WHERE id = ?', [id]))[0]!;
      const strange = [
        'eck_',
        key.slice(4),
        key.slice(0, -1),
        `${key}x`,
        key.toUpperCase(),
        `eck_${'A'.repeat(43)}`,
        `eck_${String(hash)}`,
        `${key} ${key}`,
        `eck_${'x'.repeat(5000)}`,
        "eck_' OR 1=1 --",
      ];
      for (const token of strange) {
        const reply = await app.get('/clients', { token });
        expectProblem(reply, 401, 'unauthenticated');
        expect(reply.headers['www-authenticate']).toBe('Bearer');
      }
      for (const authorization of [key, `Basic ${key}`, `Bearer: ${key}`])
        expectProblem(await app.get('/clients', { headers: { authorization } }), 401, 'unauthenticated');
      expect((await app.get('/clients', { headers: { authorization: `bearer  ${key}` } })).status).toBe(200);
      expectProblem(await app.get('/clients', { query: { access_token: key } }), 401, 'unauthenticated');
    });

    it('is noted at most once a minute, with no audit entry', async () => {
      const made = await make('clients:read');
      const service = using(made);
      const start = new Date(Date.now() + 10 * MINUTE);
      const instant = (ms: number) => new Date(start.getTime() + ms).toISOString();
      const use = async (ms: number) => {
        await at(instant(ms));
        await Promise.all([service.get('/clients'), service.get('/clients'), service.get('/clients')]);
        return lastUse(made.id);
      };
      expect(await use(0)).toBe(instant(0));
      expect(await use(MINUTE - 1)).toBe(instant(0));
      expect(await use(MINUTE)).toBe(instant(MINUTE));
      // A refused call is a use, too.
      await at(instant(3 * MINUTE));
      expectProblem(await service.get('/users'), 403, 'forbidden');
      expect(await lastUse(made.id)).toBe(instant(3 * MINUTE));
      expect(await audited(made.id)).toHaveLength(1);
    });

    it('gives a key’s own name and kind to what it does', async () => {
      const made = await make('clients:write', 'demos:read');
      const service = using(made);
      const demo = await app.createDemo();
      const client = await answered(201, service.post('/clients', clientInput({ demoIds: [demo.id] })));
      const { id } = client.body;
      const [entry] = await app.sql(
        'SELECT actor_kind, actor_id FROM audit_log WHERE entity_id = ? ORDER BY seq',
        [id],
      );
      expect(entry).toEqual({ actor_kind: 'key', actor_id: made.id });
      const grantedBy = { kind: 'key', id: made.id, name: 'Runner' };
      expect((await admin.get(`/clients/${id}/demos`)).body.items[0]).toMatchObject({ grantedBy });
      await admin.delete(`/api-keys/${made.id}`);
      expect((await admin.get(`/clients/${id}/access`)).body.demos[0]).toMatchObject({ grantedBy });
    });

    it('is repeated by its own Idempotency-Key', async () => {
      const service = using(await make('clients:write'));
      const sent = clientInput();
      const first = await service.post('/clients', sent, { idempotencyKey: 'k' });
      expect((await service.post('/clients', sent, { idempotencyKey: 'k' })).body.id).toBe(first.body.id);
      expectProblem(await admin.post('/clients', sent, { idempotencyKey: 'k' }), 409, 'conflict');
    });

    it('may do below /clients what an administrator may, and nothing else', async () => {
      const service = using(await make('clients:write'));
      const demo = await app.createDemo();
      const { body: client } = await answered(
        201,
        service.post('/clients', clientInput({ password: undefined })),
      );
      const path = `/clients/${client.id}`;
      const version = (await answered(200, service.get(path))).body.version as number;
      await answered(200, service.patch(path, { company: 'Other Lda' }, { ifMatch: version }));
      await answered(201, service.post(`${path}/invitation`));
      const put = await service.put(`${path}/demos/${demo.id}`, {});
      expect(put.status).toBeLessThan(300);
      await answered(200, service.get(`${path}/demos`));
      await answered(204, service.delete(`${path}/demos/${demo.id}`));
      await answered(200, service.post(`${path}/renew`, { days: 40 }));
      await answered(200, service.post(`${path}/revoke`, { reason: 'Over' }));
      await answered(200, service.post(`${path}/reinstate`));
      await answered(204, service.delete(path, { ifMatch: '*' }));
      for (const reply of [
        await service.post('/demos', demoInput()),
        await service.get('/demos'),
        await service.get('/auth/me'),
        await service.post('/auth/logout'),
        await service.get('/users'),
        await service.get('/settings'),
        await service.patch('/settings/access.defaultDays', { value: 1 }, { ifMatch: '*' }),
      ])
        expectProblem(reply, 403, 'forbidden');
    });
  });

  /** Every scope on every route of the served document (quality.md, Security 12). */
  it('holds each scope to its routes', async () => {
    interface Rule {
      users?: string;
      clients?: string;
      key?: string;
    }
    const { body: document } = await app.raw('GET', '/docs/openapi.json');
    const routes = Object.entries(
      document.paths as Record<string, Record<string, { 'x-access'?: Rule | 'public' }>>,
    )
      .filter(([path]) => path.startsWith(API))
      .flatMap(([path, operations]) =>
        Object.entries(operations).map(([method, operation]) => ({
          method: method.toUpperCase(),
          path: path.replace(/\{\w+\}/g, UNKNOWN),
          below: path.slice(API.length + 1).split('/')[0]!,
          rule: operation['x-access']!,
        })),
      )
      .filter(({ rule }) => rule !== 'public') as {
      method: string;
      path: string;
      below: string;
      rule: Rule;
    }[];

    // What the scopes mean, by api.md and not by the code: reads by GET, writes what an administrator may do.
    const means = (scope: string, { method, path, below, rule }: (typeof routes)[number]): boolean => {
      if (scope === 'demo-sessions:verify') return path.endsWith('/demo-sessions/verify');
      const [area, kind] = scope.split(':');
      if (below !== area || rule.users === undefined) return false;
      return method === 'GET' || (kind === 'write' && rule.users === 'admin');
    };
    for (const scope of keyScopes) {
      const service = using(await make(scope));
      for (const route of routes) {
        const { method, path } = route;
        const writes = ['POST', 'PUT', 'PATCH'].includes(method);
        const reply = await service.raw(method, path, writes ? { noRouteTakesThis: true } : undefined);
        const seen = `${scope}: ${method} ${path} → ${reply.status}`;
        if (means(scope, route)) expect(seen).toMatch(/→ (200|400|404|412|415|428)$/);
        else expect(seen).toMatch(/→ 403$/);
      }
    }
  });

  it('sees what a viewer sees: unpublished demos, launches, but no env without demos:write', async () => {
    const image = (await answered(201, admin.post('/images', imageInput()))).body.id as string;
    const launch = { kind: 'container', imageId: image, port: 8080, env: { TOKEN: 'inside' } };
    const demo = await app.createDemo({ launch }, { publish: false });
    const read = async (scope: string): Promise<Reply> => using(await make(scope)).get(`/demos/${demo.id}`);
    const reader = await answered(200, read('demos:read'));
    expect(reader.body.launch).toMatchObject({ kind: 'container' });
    expect(reader.text).not.toContain('inside');
    expect((await answered(200, read('demos:write'))).text).toContain('inside');
  });
});
