import {
  credentialsFor,
  digestOf,
  ManifestError,
  platformOf,
  readChallenge,
  readManifest,
} from './registry.rules.js';

const DIGEST = `sha256:${'a1'.repeat(32)}`;
const OCI = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe('a manifest', () => {
  it('of an image: configuration and layers are its size', () => {
    const manifest = {
      config: { digest: DIGEST, size: 100 },
      layers: [{ size: 5_000_000_000 }, { size: 23 }],
    };
    expect(readManifest(bytes(manifest), `${OCI}; charset=utf-8`)).toEqual({
      kind: 'image',
      config: DIGEST,
      sizeBytes: 5_000_000_123,
    });
  });

  it('of several platforms: attestations are none', () => {
    const manifests = [
      { digest: DIGEST, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } },
      { digest: DIGEST, platform: { os: 'unknown', architecture: 'unknown' } },
    ];
    expect(readManifest(bytes({ mediaType: INDEX, manifests }), 'text/plain')).toEqual({
      kind: 'index',
      images: [{ digest: DIGEST, platform: 'linux/arm/v7' }],
    });
  });

  it.each<[string, unknown, string?]>([
    [
      'schema 1',
      { schemaVersion: 1, fsLayers: [] },
      'application/vnd.docker.distribution.manifest.v1+prettyjws',
    ],
    ['no type', { config: { digest: DIGEST, size: 1 }, layers: [] }, undefined],
    ['a list', []],
    ['null', null],
    ['no layers', { config: { digest: DIGEST, size: 1 } }],
    ['a negative size', { config: { digest: DIGEST, size: -1 }, layers: [] }],
    [
      'a size beyond all numbers',
      { config: { digest: DIGEST, size: Number.MAX_SAFE_INTEGER }, layers: [{ size: 1 }] },
    ],
    ['another digest', { config: { digest: 'md5:1', size: 1 }, layers: [] }],
    ['an index of nothing', { mediaType: INDEX, manifests: [] }],
  ])('is none: %s', (name, value, type = name === 'no type' ? undefined : OCI) => {
    expect(() => readManifest(bytes(value), type)).toThrow(ManifestError);
  });

  it('has the digest of its bytes', () => {
    expect(digestOf(Buffer.from('{}'))).toBe(
      'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
    );
    expect(platformOf({ os: 'linux', architecture: '<script>' })).toBeUndefined();
  });
});

describe('a challenge', () => {
  it.each([
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
      {
        scheme: 'bearer',
        parameters: {
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:a/b:pull,push',
        },
      },
    ],
    ['basic realm=registry', { scheme: 'basic', parameters: { realm: 'registry' } }],
    ['Negotiate', undefined],
    [undefined, undefined],
  ])('%s', (header, challenge) => {
    expect(readChallenge(header)).toEqual(challenge);
  });
});

describe('docker’s config.json', () => {
  const auth = (text: string): string => Buffer.from(text).toString('base64');
  const file = JSON.stringify({
    auths: {
      'https://index.docker.io/v1/': { auth: auth('hub:p:w') },
      'registry.example.com': { username: 'ana', password: 'x' },
      'http://10.0.0.1:5000/v2': { auth: auth('in:side') },
      'empty.example.com': {},
    },
  });
  it.each([
    ['docker.io', 'hub:p:w'],
    ['registry.example.com', 'ana:x'],
    ['10.0.0.1:5000', 'in:side'],
    ['empty.example.com', undefined],
    ['other.example.com', undefined],
  ])('%s: %s', (registry, credentials) => {
    expect(credentialsFor(registry, file)).toBe(credentials);
  });

  it('may be empty, but must be one', () => {
    expect(credentialsFor('docker.io', '{}')).toBeUndefined();
    expect(() => credentialsFor('docker.io', 'auths')).toThrow(SyntaxError);
    expect(() => credentialsFor('docker.io', '[]')).toThrow(ManifestError);
  });
});
