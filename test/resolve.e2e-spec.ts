import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { newId } from '../src/common/ids.js';
import { answered, startApp, type Session, type TestApp } from './support/app.js';
import { closeAfterSuite } from './support/cleanup.js';
import { expectProblem, type Reply } from './support/http.js';
import { unique } from './support/inputs.js';
import {
  OCI_INDEX,
  OCI_MANIFEST,
  REGISTRY_USER,
  registryInstalled,
  startRegistry,
  type TestRegistry,
} from './support/registry.js';

const image = async (admin: Session, reference: string): Promise<Reply['body']> =>
  (await answered(201, admin.post('/images', { reference }))).body;
const resolve = (admin: Session, id: string, options = {}): Promise<Reply> =>
  admin.post(`/images/${id}/resolve`, undefined, options);

async function listening(server: Server, host: string): Promise<number> {
  await new Promise<void>((done) => server.listen(0, host, done));
  closeAfterSuite(server, async () => {
    await new Promise((done) => server.close(done));
  });
  return (server.address() as AddressInfo).port;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const httpServer = (host: string, handler: Handler): Promise<number> =>
  listening(createHttpServer({ keepAlive: false }, handler), host);

(registryInstalled ? describe : describe.skip)('resolving by a real registry (docker-registry)', () => {
  let app: TestApp;
  let admin: Session;
  let registry: TestRegistry;

  beforeAll(async () => {
    registry = await startRegistry();
    app = await startApp({ env: { EGRESS_ALLOW: '127.0.0.0/8' } });
    admin = await app.admin();
  });

  it('finds digest, size and platform; again, nothing changes', async () => {
    const name = `team/${unique()}`;
    const pushed = await registry.push(name, '1.0');
    const made = await image(admin, `${registry.host}/${name}:1.0`);
    const reply = await resolve(admin, made.id, { ifMatch: 1 });
    expect([reply.status, reply.headers.etag]).toEqual([200, '"2"']);
    expect(reply.body).toEqual({
      ...made,
      digest: pushed.digest,
      sizeBytes: pushed.size,
      platforms: ['linux/amd64'],
      movedDigest: null,
      resolvedAt: reply.body.updatedAt,
      updatedAt: expect.any(String),
      version: 2,
    });
    expect((await resolve(admin, made.id)).body).toEqual(reply.body);
    expect((await admin.get(`/images/${made.id}`)).body).toEqual(reply.body);
    const { items } = (await admin.get('/audit', { query: { entityId: made.id, sort: 'seq' } })).body;
    expect(items.map(({ action }: { action: string }) => action)).toEqual([
      'image.created',
      'image.resolved',
    ]);
    expect(items[1].after).toMatchObject({ digest: pushed.digest });
  });

  it('of many at once finds it once, and tells nobody of another version who asked for none', async () => {
    const name = `team/${unique()}`;
    await registry.push(name, '1.0');
    const made = await image(admin, `${registry.host}/${name}:1.0`);
    const replies = await Promise.all(Array.from({ length: 8 }, () => resolve(admin, made.id)));
    expect(replies.map(({ status, body }) => [status, body.version])).toEqual(Array(8).fill([200, 2]));
    const query = { entityId: made.id, action: 'image.resolved' };
    expect((await admin.get('/audit', { query })).body.items).toHaveLength(1);
  });

  it('keeps the digest of a tag that moves, shows where to, and adopts it when asked', async () => {
    const name = unique();
    const first = await registry.push(name, 'latest');
    const { id } = await image(admin, `${registry.host}/${name}`);
    const known = (await resolve(admin, id)).body;
    const second = await registry.push(name, 'latest');
    const moved = (await resolve(admin, id)).body;
    expect(moved).toMatchObject({
      digest: first.digest,
      sizeBytes: first.size,
      movedDigest: second.digest,
      resolvedAt: known.resolvedAt,
      version: 3,
    });
    expect((await resolve(admin, id)).body).toEqual(moved);
    expect((await admin.get('/images')).body.items).toContainEqual(moved);
    const adopted = (await resolve(admin, id, { query: { adopt: true } })).body;
    expect(adopted).toMatchObject({
      digest: second.digest,
      sizeBytes: second.size,
      movedDigest: null,
      version: 4,
    });
    // Moved there and back: the mark goes.
    await registry.push(name, 'latest');
    expect((await resolve(admin, id)).body.movedDigest).not.toBeNull();
    const renamed = await admin.patch(
      `/images/${id}`,
      { reference: `${registry.host}/${name}:2` },
      { ifMatch: '*' },
    );
    expect(renamed.body).toMatchObject({ digest: null, movedDigest: null, resolvedAt: null });
  });

  it('reads an index: each platform, the size of linux/amd64, no attestations', async () => {
    const name = unique();
    const arm = await registry.push(name, 'arm', { os: 'linux', architecture: 'arm64', variant: 'v8' });
    const amd = await registry.push(name, 'amd');
    const entry = (digest: string, platform: object): object => ({
      mediaType: OCI_MANIFEST,
      size: 400,
      digest,
      platform,
    });
    const digest = await registry.pushManifest(name, 'multi', OCI_INDEX, {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        entry(arm.digest, { os: 'linux', architecture: 'arm64', variant: 'v8' }),
        entry(amd.digest, { os: 'linux', architecture: 'amd64' }),
        entry(arm.digest, { os: 'unknown', architecture: 'unknown' }),
      ],
    });
    const { id } = await image(admin, `${registry.host}/${name}:multi`);
    expect((await resolve(admin, id)).body).toMatchObject({
      digest,
      sizeBytes: amd.size,
      platforms: ['linux/arm64/v8', 'linux/amd64'],
    });
  });

  it('says what is wrong, and changes nothing', async () => {
    const name = unique();
    await registry.push(name, '1');
    const unknown = await image(admin, `${registry.host}/${name}:2`);
    const reply = await resolve(admin, unknown.id);
    expectProblem(reply, 409, 'conflict');
    expect(reply.body.detail).toContain('no such image or tag');
    expect((await admin.get(`/images/${unknown.id}`)).body).toEqual(unknown);
    const other = await image(admin, `${registry.host}/${unique()}:1`);
    expectProblem(await resolve(admin, other.id), 409, 'conflict');
    expectProblem(await resolve(admin, other.id, { ifMatch: 7 }), 412, 'version-mismatch');
    expectProblem(await resolve(admin, newId()), 404, 'not-found');
    expectProblem(await resolve(admin, 'nonsense'), 404, 'not-found');
    expectProblem(await resolve(admin, other.id, { query: { adopt: 'maybe' } }), 400, 'validation', 'adopt');
    expectProblem(
      await admin.post(`/images/${other.id}/resolve`, { digest: 'x' }),
      400,
      'validation',
      'digest',
    );
    const viewer = await (await app.createUser()).signIn();
    expectProblem(await resolve(viewer, other.id), 403, 'forbidden');
    expectProblem(await app.post(`/images/${other.id}/resolve`), 401, 'unauthenticated');
  });

  it('signs in by REGISTRY_AUTH_FILE, to the registry itself and for a token', async () => {
    const secured = await startRegistry({ secured: true });
    const name = `team/${unique()}`;
    const pushed = await secured.push(name, '1');
    const basic = `Basic ${Buffer.from(REGISTRY_USER).toString('base64')}`;
    const asked: (string | undefined)[] = [];
    // Before the real registry, what Docker Hub does: a challenge, a token for one repository.
    const port = await httpServer('127.0.0.1', (request, response) => {
      const { url = '', headers } = request;
      const self = headers.host ?? '';
      if (url.startsWith('/token')) {
        asked.push(url, headers.authorization);
        const good = headers.authorization === basic;
        response.writeHead(good ? 200 : 401).end(good ? JSON.stringify({ token: 'pass.port' }) : '');
      } else if (headers.authorization !== 'Bearer pass.port') {
        const challenge = `Bearer realm="http://${self}/token",service="registry.test",scope="repository:${name}:pull"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      } else {
        void fetch(`http://${secured.host}${url}`, {
          headers: { authorization: basic, accept: headers.accept ?? '' },
        }).then(async (answer) => {
          const type = answer.headers.get('content-type') ?? '';
          response
            .writeHead(answer.status, { 'content-type': type })
            .end(Buffer.from(await answer.arrayBuffer()));
        });
      }
    });
    const front = `127.0.0.1:${port}`;
    const file = join(app.database.folder, 'config.json');
    const auth = Buffer.from(REGISTRY_USER).toString('base64');
    writeFileSync(
      file,
      JSON.stringify({ auths: { [secured.host]: { auth }, [`http://${front}/v2/`]: { auth } } }),
    );
    const signedIn = await startApp({ env: { EGRESS_ALLOW: '127.0.0.0/8', REGISTRY_AUTH_FILE: file } });
    const other = await signedIn.admin();
    for (const host of [secured.host, front]) {
      const { id } = await image(other, `${host}/${name}:1`);
      expect(await resolve(other, id)).toMatchObject({ status: 200, body: { digest: pushed.digest } });
    }
    expect(asked).toEqual([
      `/token?service=registry.test&scope=${encodeURIComponent(`repository:${name}:pull`)}`,
      basic,
    ]);
    for (const host of [secured.host, front]) {
      const reply = await resolve(admin, (await image(admin, `${host}/${name}:1`)).id);
      expectProblem(reply, 409, 'conflict');
      expect(reply.body.detail).toContain('denies access');
    }
    writeFileSync(file, 'no JSON');
    const { id } = await image(other, `${secured.host}/${name}:2`);
    expectProblem(await resolve(other, id), 503, 'unavailable');
    for (const secret of ['harbour-lantern', auth, 'pass.port'])
      expect(signedIn.output).not.toContain(secret);
  });
});

describe('what the server itself fetches (quality.md, Security 19)', () => {
  let app: TestApp;
  let admin: Session;

  beforeAll(async () => {
    // One loopback address is allowed, its neighbours are not.
    app = await startApp({ env: { EGRESS_ALLOW: '127.0.0.2/32' } });
    admin = await app.admin();
  });

  /** Counts connections to a port of this machine, on every address. */
  async function trap(host = '127.0.0.1'): Promise<{ port: number; connections: () => number }> {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    return { port: await listening(server, host), connections: () => connections };
  }

  it.each([
    '127.0.0.1',
    '127.0.0.3',
    'localhost',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '0.0.0.0',
    '[::1]',
    '[::ffff:7f00:1]',
    '[::ffff:127.0.0.1]',
  ])('%s is not connected to', async (host) => {
    const { port, connections } = await trap('::');
    const made = await admin.post('/images', { reference: `${host}:${port}/${unique()}:1` });
    if (made.status === 201) {
      const reply = await resolve(admin, made.body.id);
      expectProblem(reply, 409, 'conflict');
      expect(reply.body.detail).toContain('EGRESS_ALLOW');
    } else expectProblem(made, 400, 'validation', 'reference');
    expect(connections()).toBe(0);
  });

  it.each(['10.0.0.1', '192.168.0.1', '169.254.169.254', '[fe80::1]', '[fd00::1]'])(
    '%s is not either',
    async (host) => {
      const { id } = await image(admin, `${host}:5000/${unique()}:1`);
      const before = performance.now();
      expectProblem(await resolve(admin, id), 409, 'conflict');
      expect(performance.now() - before).toBeLessThan(5000);
    },
  );

  it('a redirect and a token’s realm lead nowhere private', async () => {
    const inner = await trap();
    const inside = `http://127.0.0.1:${inner.port}`;
    const answers: Record<string, Handler> = {
      redirect: (_, response) => response.writeHead(302, { location: `${inside}/x` }).end(),
      metadata: (_, response) => response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end(),
      realm: (_, response) =>
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${inside}/token",service="x"` }).end(),
    };
    const seen: string[] = [];
    const port = await httpServer('127.0.0.2', (request, response) => {
      const kind = request.url?.split('/')[2] ?? '';
      seen.push(kind);
      answers[kind]?.(request, response);
    });
    for (const kind of Object.keys(answers)) {
      const { id } = await image(admin, `127.0.0.2:${port}/${kind}/${unique()}:1`);
      expectProblem(await resolve(admin, id), 409, 'conflict');
    }
    expect(seen).toEqual(Object.keys(answers));
    expect(inner.connections()).toBe(0);
  });

  it('a server that is no registry is a clear problem', async () => {
    const type = { 'content-type': OCI_MANIFEST };
    const answers: Record<string, [Handler, number, string]> = {
      nonsense: [(_, response) => response.writeHead(200, type).end('<html>'), 409, 'conflict'],
      nulls: [(_, response) => response.writeHead(200, type).end('null'), 409, 'conflict'],
      schema1: [(_, response) => response.writeHead(200).end('{"schemaVersion":1}'), 409, 'conflict'],
      endless: [
        (_, response) => response.writeHead(200, type).end('x'.repeat(5 * 1024 * 1024)),
        409,
        'conflict',
      ],
      loop: [({ url = '/' }, response) => response.writeHead(307, { location: url }).end(), 409, 'conflict'],
      broken: [(_, response) => response.writeHead(500).end(), 503, 'unavailable'],
      busy: [(_, response) => response.writeHead(429).end(), 503, 'unavailable'],
      cut: [(request) => request.socket.destroy(), 503, 'unavailable'],
    };
    const port = await httpServer('127.0.0.2', (request, response) => {
      answers[request.url?.split('/')[2] ?? '']?.[0](request, response);
    });
    for (const [kind, [, status, slug]] of Object.entries(answers)) {
      const made = await image(admin, `127.0.0.2:${port}/${kind}/${unique()}:1`);
      const reply = await resolve(admin, made.id);
      expectProblem(reply, status, slug);
      expect(reply.headers['retry-after'] !== undefined).toBe(status === 503);
      expect((await admin.get(`/images/${made.id}`)).body).toEqual(made);
    }
    const nowhere = await image(admin, `nowhere.invalid/${unique()}:1`);
    expectProblem(await resolve(admin, nowhere.id), 503, 'unavailable');
  });

  it('a list of networks that is none stops the start, naming it', async () => {
    const { code, stderr } = await app.cli(['audit', 'verify'], {
      env: { EGRESS_ALLOW: '10.0.0.0/8, intranet' },
    });
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('EGRESS_ALLOW: intranet is no address or network'),
    ]);
  });
});
