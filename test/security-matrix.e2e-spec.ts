/**
 * Who may call what: role × route × method, made from the served document (quality.md, Security 11 and 12), and held
 * against api.md, whose "who" columns stand below.
 */
import { startApp, type Session, type TestApp } from './support/app.js';
import { API, expectProblem, type Http, type Reply } from './support/http.js';

type Who =
  | 'anyone'
  | 'signed in'
  | 'admin'
  | 'viewer'
  | 'client'
  | 'client, expired too'
  | 'all'
  | 'all, expired too'
  | 'admin, client'
  | 'key';

/** The "who" columns of api.md; a route that is not here fails the suite. */
const table: Record<Who, string> = {
  anyone: `
    POST /auth/login, POST /auth/refresh, POST /auth/invitations/accept, POST /auth/password-resets,
    POST /auth/password-resets/confirm`,
  'signed in': `
    POST /auth/logout, GET /auth/me, POST /auth/password, GET /auth/sessions, DELETE /auth/sessions/{id},
    GET /notifications, POST /notifications/{id}/read, POST /notifications/read-all`,
  admin: `
    POST /api-keys, DELETE /api-keys/{id},
    POST /users, PATCH /users/{id}, DELETE /users/{id},
    POST /clients, PATCH /clients/{id}, DELETE /clients/{id}, POST /clients/{id}/revoke, POST /clients/{id}/reinstate,
    POST /clients/{id}/renew, POST /clients/{id}/shorten, POST /clients/{id}/invitation,
    PUT /clients/{id}/demos/{demoId}, DELETE /clients/{id}/demos/{demoId},
    POST /demos, PATCH /demos/{id}, DELETE /demos/{id}, POST /demos/{id}/publish, POST /demos/{id}/unpublish,
    POST /clients/import, POST /demos/import, GET /clients/{id}/export,
    POST /images/{id}/resolve, POST /images, PATCH /images/{id}, DELETE /images/{id}, PATCH /settings/{key},
    POST /requests/{id}/approve, POST /requests/{id}/reject`,
  viewer: `
    POST /auth/totp, POST /auth/totp/activate, POST /auth/totp/disable,
    GET /api-keys, GET /api-keys/{id}, GET /users, GET /users/{id}, GET /clients, GET /clients/{id}, GET /clients/{id}/demos, GET /clients/{id}/access,
    GET /demos/{id}/impact, GET /images, GET /images/{id}, GET /settings, GET /settings/jobs, GET /audit, GET /audit/verify,
    GET /analytics/overview, GET /analytics/opens, GET /analytics/demos, GET /analytics/clients,
    GET /analytics/events, GET /analytics/events.csv, GET /analytics/events.ndjson, GET /analytics/chart.svg,
    GET /audit/export`,
  all: `GET /demos, GET /demos/{id}, GET /demo-sessions, GET /demo-sessions/{id}`,
  'all, expired too': `GET /requests, GET /requests/{id}`,
  client: `
    POST /demos/{id}/open, POST /demo-sessions/{id}/heartbeat, GET /basket, GET /basket/items/{demoId},
    PUT /basket/items/{demoId}, DELETE /basket/items/{demoId}, POST /basket/submit`,
  'client, expired too': `POST /requests, POST /requests/{id}/cancel`,
  'admin, client': `POST /demo-sessions/{id}/close`,
  key: `POST /demo-sessions/verify`,
};
const whoOf = new Map(
  Object.entries(table).flatMap(([who, routes]) =>
    routes.split(',').map((route) => [route.trim(), who as Who]),
  ),
);

const principals = ['anonymous', 'viewer', 'admin', 'active', 'expired', 'scheduled'] as const;
type Name = (typeof principals)[number];

const allowed: Record<Who, Name[]> = {
  anyone: [...principals],
  'signed in': ['viewer', 'admin', 'active', 'expired', 'scheduled'],
  admin: ['admin'],
  viewer: ['viewer', 'admin'],
  client: ['active'],
  'client, expired too': ['active', 'expired'],
  all: ['viewer', 'admin', 'active'],
  'all, expired too': ['viewer', 'admin', 'active', 'expired'],
  'admin, client': ['admin', 'active'],
  key: [],
};
const refusals: Record<Name, [number, string]> = {
  anonymous: [401, 'unauthenticated'],
  viewer: [403, 'forbidden'],
  admin: [403, 'forbidden'],
  active: [403, 'forbidden'],
  expired: [403, 'access-expired'],
  scheduled: [403, 'access-not-started'],
};

const DAY = 86_400_000;
const UNKNOWN = '01a2007e-fabe-7512-bfa0-12b3f58b1809';
/** What no route takes: an allowed caller changes nothing by it. */
const NOTHING = { noRouteTakesThis: true };

interface Route {
  method: string;
  /** As in the document, below /api/v1. */
  pattern: string;
  who: Who;
  /** With unknown ids in it. */
  path: string;
}

describe('who may call what', () => {
  let app: TestApp;
  let callers: Record<Name, Http>;
  let routes: Route[];

  beforeAll(async () => {
    app = await startApp();
    const now = (await app.clock.now()).getTime();
    const client = async (startsIn: number, endsIn: number): Promise<Session> => {
      // An end in the past cannot be asked for: the client is made before it.
      await app.clock.advance(Math.min(startsIn, 0) - 1000);
      const account = await app.createClient({
        accessDays: undefined,
        accessStartsAt: new Date(now + startsIn).toISOString(),
        accessEndsAt: new Date(now + endsIn).toISOString(),
      });
      await app.clock.reset();
      return account.signIn();
    };
    callers = {
      anonymous: app,
      viewer: await (await app.createUser()).signIn(),
      admin: await (await app.createUser({ role: 'admin' })).signIn(),
      active: await client(-DAY, DAY),
      expired: await client(-2 * DAY, -DAY),
      scheduled: await client(DAY, 2 * DAY),
    };
    const { body } = await app.raw('GET', '/docs/openapi.json');
    routes = Object.entries(body.paths as Record<string, object>)
      .filter(([path]) => path.startsWith(API))
      .flatMap(([path, operations]) => {
        const pattern = path.slice(API.length);
        return Object.keys(operations).map((method) => ({
          method: method.toUpperCase(),
          pattern,
          who: whoOf.get(`${method.toUpperCase()} ${pattern}`) ?? ('nobody' as Who),
          path: path.replace(/\{\w+\}/g, UNKNOWN),
        }));
      });
  });

  const call = (name: Name, method: string, path: string): Promise<Reply> => {
    const writes = ['POST', 'PUT', 'PATCH'].includes(method);
    return callers[name].raw(method, path, writes ? NOTHING : undefined);
  };

  it('is written down for every route', () => {
    const unknown = routes
      .filter(({ who }) => !(who in table))
      .map(({ method, pattern }) => `${method} ${pattern}`);
    expect(unknown).toEqual([]);
    const served = routes.map(({ method, pattern }) => `${method} ${pattern}`);
    expect([...whoOf.keys()].filter((route) => !served.includes(route))).toEqual([]);
  });

  it('holds for each of them', async () => {
    for (const { method, path, who } of routes) {
      for (const name of principals) {
        const reply = await call(name, method, path);
        const seen = `${name}: ${method} ${path} → ${reply.status}`;
        if (!allowed[who].includes(name)) {
          const [status, slug] = refusals[name];
          expect(seen).toBe(`${name}: ${method} ${path} → ${status}`);
          expectProblem(reply, status, slug);
        } else if (method === 'GET' && !path.includes(UNKNOWN)) {
          expect(seen).toBe(`${name}: ${method} ${path} → 200`);
        } else if (path === `${API}/auth/logout`) {
          expect(seen).toBe(`${name}: ${method} ${path} → 400`);
        } else {
          expect(seen).toMatch(/→ (400|404|412|415|428)$/);
        }
      }
    }
  });

  it('holds for HEAD as for GET', async () => {
    for (const { path, who } of routes.filter(({ method }) => method === 'GET')) {
      for (const name of principals) {
        const reply = await call(name, 'HEAD', path);
        const [status] = allowed[who].includes(name) ? [path.includes(UNKNOWN) ? 404 : 200] : refusals[name];
        expect(`${name}: HEAD ${path} → ${reply.status}`).toBe(`${name}: HEAD ${path} → ${status}`);
        expect(reply.text).toBe('');
      }
    }
  });

  it('is not got around by writing the path otherwise', async () => {
    const spellings = (path: string): string[] => [
      `${path}/`,
      `${path}//`,
      `/${path}`,
      path.replace('/v1/', '/v1//'),
      path.replace('/v1/', '//v1/'),
      path.replace('/v1/', '/v1/./'),
      path.replace('/v1/', '/v1/x/../'),
      path.replace('/v1/', '/v1/%2e/'),
      path.replace('/v1/', '/v1%2f'),
      path.toUpperCase(),
      path.replace('/v1/', '/V1/'),
      path.replace(/(?<=\/v1\/)./, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
      path.replace(/(?<=\/v1\/)./, (letter) => `%25${letter.charCodeAt(0).toString(16)}`),
      `${path};x=1`,
      `${path}%20`,
      `${path}%00`,
      `${path}%3f`,
      `${path}.json`,
      `http://127.0.0.1${path}`,
      `*${path.slice(1)}`,
    ];
    for (const { method, path, who } of routes) {
      for (const name of ['anonymous', 'viewer', 'expired'] as const) {
        if (allowed[who].includes(name)) continue;
        for (const spelling of spellings(path)) {
          const reply = await call(name, method, spelling);
          const known = [400, 401, 403, 404, 405].includes(reply.status);
          expect(`${name}: ${method} ${spelling} → ${known ? 'refused' : reply.status}`).toMatch(/refused$/);
          expect(reply.body.status).toBe(reply.status);
        }
      }
    }
  });

  it('is the same when an encoded letter names the same path', async () => {
    expect((await callers.admin.raw('GET', '/api/v1/%75sers')).status).toBe(200);
    expectProblem(await app.raw('GET', '/api/v1/%75sers'), 401, 'unauthenticated');
    expectProblem(await callers.active.raw('GET', '/api/v1/%75sers'), 403, 'forbidden');
  });

  it('knows only the methods of a path, and names them', async () => {
    const methodsOf = new Map<string, string[]>();
    for (const { method, path } of routes) methodsOf.set(path, [...(methodsOf.get(path) ?? []), method]);
    for (const [path, methods] of methodsOf) {
      const has = methods.includes('GET') ? [...methods, 'HEAD'] : methods;
      for (const method of [
        'GET',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
        'OPTIONS',
        'TRACE',
        'PROPFIND',
        'LINK',
      ]) {
        if (has.includes(method)) continue;
        for (const name of ['anonymous', 'admin'] as const) {
          const reply = await call(name, method, path);
          expect(`${method} ${path} → ${reply.status}`).toBe(`${method} ${path} → 405`);
          expectProblem(reply, 405, 'method-not-allowed');
          expect(reply.headers.allow?.split(', ').sort()).toEqual([...has].sort());
        }
      }
    }
  });

  it('is judged before the id', async () => {
    const ids = ['no-id', UNKNOWN, UNKNOWN.toUpperCase(), 'x'.repeat(300), '1', "'", 'null'];
    for (const { method, path, who } of routes.filter(({ path }) => path.includes(UNKNOWN))) {
      for (const id of ids) {
        const other = path.replace(UNKNOWN, id);
        for (const name of ['anonymous', 'viewer', 'active'] as const) {
          if (allowed[who].includes(name)) continue;
          const [status, slug] = refusals[name];
          expectProblem(await call(name, method, other), status, slug);
        }
      }
    }
  });

  it('does not make a client see another’s: the same answer as for an unknown id', async () => {
    const [mine, theirs] = [await app.createClient(), await app.createClient()];
    const demo = await app.createDemo();
    for (const { id } of [mine, theirs]) await app.grant(id, demo.id);
    const [a, b] = [await mine.signIn(), await theirs.signIn()];
    const opened = (await b.post(`/demos/${demo.id}/open`)).body.demoSessionId as string;
    const session = (await b.get('/auth/sessions')).body.items[0].id as string;
    const asked = (await b.post('/requests', { kind: 'renewal', days: 5 })).body.id as string;
    await b.put(`/basket/items/${demo.id}`);
    const foreign: Record<string, string> = {
      '/demo-sessions/{id}': opened,
      '/auth/sessions/{id}': session,
      '/requests/{id}': asked,
      '/basket/items/{demoId}': demo.id,
    };
    let compared = 0;
    for (const { method, pattern, path, who } of routes) {
      // Who puts a demo into the own basket touches nobody's.
      if (method === 'PUT' || !allowed[who].includes('active')) continue;
      const [prefix, id] = Object.entries(foreign).find(([start]) => pattern.startsWith(start)) ?? [];
      if (!prefix || !id) continue;
      const [real, unknown] = [await a.raw(method, path.replace(UNKNOWN, id)), await a.raw(method, path)];
      expectProblem(real, 404, 'not-found');
      const { requestId: _r, instance: _i, ...same } = unknown.body;
      expect(real.body).toMatchObject(same);
      compared += 1;
    }
    expect(compared).toBeGreaterThanOrEqual(8);
    expect((await b.get(`/demo-sessions/${opened}`)).body).toMatchObject({ id: opened, endedAt: null });
    expect((await a.get('/demo-sessions')).body.items).toEqual([]);
    expect((await a.get('/demo-sessions', { query: { clientId: theirs.id } })).body.items).toEqual([]);
    expect((await b.get('/auth/me')).status).toBe(200);
  });

  it('shows a client neither what a demo is made of nor one that is not published', async () => {
    const client = await app.createClient();
    const [draft, published] = [await app.createDemo({}, { publish: false }), await app.createDemo()];
    const session = await client.signIn();
    expectProblem(await session.get(`/demos/${draft.id}`), 404, 'not-found');
    expectProblem(await session.get(`/demos/${draft.slug}`), 404, 'not-found');
    const seen = (await session.get(`/demos/${published.id}`)).body;
    for (const field of ['launch', 'image', 'imageId', 'env']) expect(seen).not.toHaveProperty(field);
    const listed = (await session.get('/demos', { query: { limit: 100 } })).text;
    expect(listed).not.toContain(draft.id);
    expect(listed).not.toContain('launch');
  });
});
