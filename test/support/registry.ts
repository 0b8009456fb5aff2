/**
 * A real registry (Debian package docker-registry) on 127.0.0.1, with images pushed by HTTP as a client would.
 *
 *   (registryInstalled ? describe : describe.skip)('… (needs docker-registry)', …)
 *   const registry = await startRegistry();
 *   const { digest } = await registry.push('team/crm', '1.0');
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { closeAfterSuite } from './cleanup.js';
import { newFolder } from './database.js';
import { findProgram } from './programs.js';

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

const binary = findProgram('docker-registry');

export const registryInstalled = binary !== undefined;

/** Who may sign in where `secured`; the registry takes bcrypt alone. */
export const REGISTRY_USER = 'robot:harbour-lantern';
const HTPASSWD = 'robot:$2b$04$F2BzsIwsGXHZ.cYkIGrGle39iZ/N5Odr5/75RWh2SIdqODe8KfTJi';

export interface Pushed {
  digest: string;
  /** Configuration and layers. */
  size: number;
}

export interface TestRegistry {
  /** host:port */
  host: string;
  /** Pushes an image of one platform; another one each time. */
  push(
    repository: string,
    tag: string,
    platform?: { os: string; architecture: string; variant?: string },
  ): Promise<Pushed>;
  /** Pushes a manifest as it is. */
  pushManifest(repository: string, tag: string, type: string, manifest: object): Promise<string>;
}

/** Starts a registry, ended after the suite. */
export async function startRegistry({ secured = false } = {}): Promise<TestRegistry> {
  if (!binary) throw new Error('docker-registry is not installed');
  const [folder, port] = [newFolder(), await freePort()];
  const host = `127.0.0.1:${port}`;
  const users = join(folder, 'htpasswd');
  writeFileSync(users, `${HTPASSWD}\n`);
  const config = join(folder, 'config.yml');
  const auth = secured ? { auth: { htpasswd: { realm: 'test', path: users } } } : {};
  writeFileSync(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(folder, 'data') } },
      http: { addr: host },
      ...auth,
    }),
  );
  const child = spawn(binary, ['serve', config], { stdio: 'ignore', env: { OTEL_TRACES_EXPORTER: 'none' } });
  closeAfterSuite(child, async () => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('The registry ended by itself');
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  const authorization = `Basic ${Buffer.from(REGISTRY_USER).toString('base64')}`;
  const send = async (method: string, path: string, body?: Buffer, type = 'application/octet-stream') => {
    const reply = await fetch(new URL(path, `http://${host}`), {
      method,
      headers: { authorization, 'content-type': type },
      ...(body && { body: new Uint8Array(body) }),
    });
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
    return reply;
  };
  for (let tries = 0; ; tries += 1) {
    const up = await send('GET', '/v2/').catch((error: unknown) => {
      if (tries > 200) throw error;
    });
    if (up) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const pushBlob = async (repository: string, blob: Buffer): Promise<{ digest: string; size: number }> => {
    const digest = digestOf(blob);
    const begun = await send('POST', `/v2/${repository}/blobs/uploads/`);
    const upload = new URL(begun.headers.get('location') ?? '', `http://${host}`);
    upload.searchParams.set('digest', digest);
    await send('PUT', upload.pathname + upload.search, blob);
    return { digest, size: blob.length };
  };
  const pushManifest = async (
    repository: string,
    tag: string,
    type: string,
    manifest: object,
  ): Promise<string> => {
    const bytes = Buffer.from(JSON.stringify(manifest));
    await send('PUT', `/v2/${repository}/manifests/${tag}`, bytes, type);
    return digestOf(bytes);
  };
  return {
    host,
    pushManifest,
    async push(repository, tag, platform = { os: 'linux', architecture: 'amd64' }) {
      const config = await pushBlob(
        repository,
        Buffer.from(JSON.stringify({ ...platform, rootfs: { type: 'layers', diff_ids: [] } })),
      );
      const layer = await pushBlob(repository, randomBytes(1000));
      const digest = await pushManifest(repository, tag, OCI_MANIFEST, {
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
        layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...layer }],
      });
      return { digest, size: config.size + layer.size };
    },
  };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
