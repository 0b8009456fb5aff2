import { createHash } from 'node:crypto';

/** Media types of manifests that are understood (OCI image spec 1.1; Docker image manifest v2, schema 2). */
const INDEXES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
const MANIFESTS = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
export const ACCEPT = [...INDEXES, ...MANIFESTS].join(', ');

const DIGEST = /^sha256:[a-f0-9]{64}$/;

/** The server said something that no registry says. */
export class ManifestError extends Error {
  override name = 'ManifestError';
}

export type Manifest =
  | { kind: 'index'; images: { digest: string; platform: string }[] }
  | { kind: 'image'; config: string; sizeBytes: number };

/** Returns the digest of what a registry answered: of the bytes themselves, not what a header says. */
export function digestOf(body: Buffer): string {
  return `sha256:${createHash('sha256').update(body).digest('hex')}`;
}

/**
 * Reads a manifest.
 * @throws ManifestError when it is none, or of a kind that is not understood (schema 1)
 */
export function readManifest(body: Buffer, contentType: string | undefined): Manifest {
  const manifest = objectOf(parse(body));
  const type =
    typeof manifest.mediaType === 'string' ? manifest.mediaType : contentType?.split(';')[0]?.trim();
  if (INDEXES.includes(type ?? '')) {
    const images = listOf(manifest.manifests).flatMap((entry) => {
      const { digest, platform } = objectOf(entry);
      const name = platformOf(platform);
      // Attestations stand beside the images as `unknown/unknown`.
      return name === undefined ? [] : [{ digest: digestIn(digest), platform: name }];
    });
    if (images.length === 0) throw new ManifestError('The index names no image.');
    return { kind: 'index', images };
  }
  if (!MANIFESTS.includes(type ?? ''))
    throw new ManifestError('The manifest is of a kind that is not known.');
  const config = objectOf(manifest.config);
  const sizeBytes = [config, ...listOf(manifest.layers).map(objectOf)].reduce(
    (sum, { size }) => sum + sizeIn(size),
    0,
  );
  if (!Number.isSafeInteger(sizeBytes)) throw new ManifestError('The image has an impossible size.');
  return { kind: 'image', config: digestIn(config.digest), sizeBytes };
}

/** Returns the platform that an image's configuration names, undefined when it names none. */
export function platformOf(value: unknown): string | undefined {
  const { os, architecture, variant } = objectOf(value ?? {});
  const parts = [os, architecture, ...(variant === undefined || variant === '' ? [] : [variant])];
  if (os === 'unknown' || !parts.every((part) => typeof part === 'string' && /^[\w.-]{1,30}$/.test(part)))
    return undefined;
  return parts.join('/');
}

/** @throws ManifestError */
export function platformIn(config: Buffer): string[] {
  const platform = platformOf(parse(config));
  return platform === undefined ? [] : [platform];
}

/** A `WWW-Authenticate` challenge: `Bearer realm="…",service="…",scope="…"` or `Basic realm="…"`. */
export interface Challenge {
  scheme: 'bearer' | 'basic';
  parameters: Partial<Record<string, string>>;
}

/** Reads the first challenge that is understood (RFC 9110, 11.6.1; distribution spec, token authentication). */
export function readChallenge(header: string | undefined): Challenge | undefined {
  const [, scheme, rest] = /\b(Bearer|Basic)\b\s*([^]*)/i.exec(header ?? '') ?? [];
  if (!scheme) return undefined;
  const pairs = [...(rest ?? '').matchAll(/(\w+)=(?:"([^"]*)"|([^\s,"]+))/g)];
  return {
    scheme: scheme.toLowerCase() as Challenge['scheme'],
    parameters: Object.fromEntries(
      pairs.map(([, name = '', quoted, bare]) => [name.toLowerCase(), quoted ?? bare]),
    ),
  };
}

/** Names under which docker's config.json keeps what signs in to docker.io. */
const HUB = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/**
 * Finds who signs in to a registry in docker's config.json.
 * @returns `user:password`, undefined where there is none
 * @throws Error when it is no such file
 */
export function credentialsFor(registry: string, file: string): string | undefined {
  const { auths = {} } = objectOf(JSON.parse(file));
  const names = HUB.includes(registry) ? HUB : [registry];
  for (const [key, value] of Object.entries(objectOf(auths))) {
    const host = key
      .replace(/^https?:\/\//, '')
      .split('/')[0]!
      .toLowerCase();
    if (!names.includes(host)) continue;
    const { auth, username, password } = objectOf(value);
    if (typeof auth === 'string' && auth !== '') return Buffer.from(auth, 'base64').toString();
    if (typeof username === 'string' && typeof password === 'string') return `${username}:${password}`;
  }
  return undefined;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new ManifestError('The registry answered no JSON.');
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new ManifestError('The registry answered something else than a manifest.');
  return value as Record<string, unknown>;
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new ManifestError('The registry answered something else than a manifest.');
  return value;
}

function digestIn(value: unknown): string {
  if (typeof value !== 'string' || !DIGEST.test(value)) throw new ManifestError('A digest is not SHA-256.');
  return value;
}

function sizeIn(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new ManifestError('A layer has no size.');
  return value;
}
