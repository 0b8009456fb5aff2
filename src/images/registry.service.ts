import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { Injectable, Logger } from '@nestjs/common';
import { Egress, EgressRefusedError, type Fetched, FetchError } from '../common/egress.js';
import { conflict, Problem, unavailable } from '../common/problem.js';
import { AppConfig } from '../config/app-config.js';
import { mayConnect, parseNetworks } from '../config/networks.js';
import type { ImageName } from './image.rules.js';
import {
  ACCEPT,
  credentialsFor,
  digestOf,
  type Manifest,
  ManifestError,
  platformIn,
  readChallenge,
  readManifest,
} from './registry.rules.js';

/** What a registry tells of a tag. */
export interface Resolved {
  digest: string;
  /** Configuration and layers, of linux/amd64 or the first platform. */
  sizeBytes: number;
  platforms: string[];
}

/** Distribution spec: 4 MB of manifest at least must be taken. */
const LIMIT = 4 * 1024 * 1024;
const TIMEOUT = 15_000;
const MAX_PLATFORMS = 100;
const PREFERRED = 'linux/amd64';

const HUB_API = 'registry-1.docker.io';
const loopback = parseNetworks(['127.0.0.0/8', '::1/128']);

/** Asks registries by the OCI distribution API, with token authentication; through `Egress`, as everything fetched. */
@Injectable()
export class RegistryService {
  private readonly logger = new Logger('Registry');

  constructor(
    private readonly config: AppConfig,
    private readonly egress: Egress,
  ) {}

  /**
   * Asks what a tag points at. Never inside a unit of work.
   * @throws Problem `conflict` when there is no such tag, it is not to be had, or the registry is not to be reached
   *   from here; `unavailable` when it does not answer
   */
  async resolve(name: ImageName): Promise<Resolved> {
    try {
      return await new Conversation(this.egress, name, await this.credentials(name.registry)).resolve();
    } catch (error) {
      throw problemOf(error);
    }
  }

  /** Read each time, because a mounted secret changes under its name. */
  private async credentials(registry: string): Promise<string | undefined> {
    const path = this.config.registryAuthFile;
    if (path === undefined) return undefined;
    try {
      return credentialsFor(registry, await readFile(path, 'utf8'));
    } catch {
      this.logger.error('REGISTRY_AUTH_FILE cannot be read, or is not in the format of docker’s config.json');
      throw unavailable('The registries’ credentials cannot be read. The log says more.');
    }
  }
}

/** What is said to one registry about one image. */
class Conversation {
  private authorization: string | undefined;
  private readonly signal = AbortSignal.timeout(TIMEOUT);
  private base: string;

  constructor(
    private readonly egress: Egress,
    private readonly name: ImageName,
    private readonly credentials: string | undefined,
  ) {
    const { registry, repository } = name;
    this.base = `https://${registry === 'docker.io' ? HUB_API : registry}/v2/${repository}`;
  }

  async resolve(): Promise<Resolved> {
    const { digest, manifest } = await this.manifest(this.name.tag);
    if (manifest.kind === 'image') {
      const platforms = platformIn(await this.blob(manifest.config));
      return { digest, sizeBytes: manifest.sizeBytes, platforms };
    }
    const { images } = manifest;
    const chosen = images.find(({ platform }) => platform === PREFERRED) ?? images[0]!;
    const { manifest: image } = await this.manifest(chosen.digest);
    if (image.kind !== 'image') throw new ManifestError('An index within an index is not followed.');
    const platforms = [...new Set(images.map(({ platform }) => platform))].slice(0, MAX_PLATFORMS);
    return { digest, sizeBytes: image.sizeBytes, platforms };
  }

  private async manifest(reference: string): Promise<{ digest: string; manifest: Manifest }> {
    const { headers, body } = await this.get(`/manifests/${reference}`);
    const digest = digestOf(body);
    if (reference.startsWith('sha256:') && reference !== digest)
      throw new ManifestError('A manifest is not what its digest says.');
    return { digest, manifest: readManifest(body, headers['content-type']) };
  }

  private async blob(digest: string): Promise<Buffer> {
    const { body } = await this.get(`/blobs/${digest}`);
    if (digestOf(body) !== digest) throw new ManifestError('A configuration is not what its digest says.');
    return body;
  }

  private async get(path: string): Promise<Fetched> {
    let answer = await this.fetch(path);
    if (answer.status === 401 && this.authorization === undefined) {
      this.authorization = await this.authorize(answer.headers['www-authenticate']);
      answer = await this.fetch(path);
    }
    assertGood(answer);
    return answer;
  }

  private async fetch(path: string): Promise<Fetched> {
    try {
      return await this.send(new URL(this.base + path), this.authorization);
    } catch (error) {
      if (!this.base.startsWith('https:') || !speaksNoTls(error) || !isLoopback(new URL(this.base).hostname))
        throw error;
      // As Docker does: without TLS to this very machine alone.
      this.base = this.base.replace(/^https:/, 'http:');
      return this.send(new URL(this.base + path), this.authorization);
    }
  }

  private send(url: URL, authorization: string | undefined): Promise<Fetched> {
    const headers = { accept: ACCEPT, ...(authorization && { authorization }) };
    return this.egress.get(url, { headers, limit: LIMIT, signal: this.signal });
  }

  /** Distribution spec, token authentication: the challenge says where a token for this repository is to be had. */
  private async authorize(header: string | undefined): Promise<string> {
    const challenge = readChallenge(header);
    const basic = this.credentials && `Basic ${Buffer.from(this.credentials).toString('base64')}`;
    if (challenge?.scheme === 'basic' && basic) return basic;
    const { realm = '', service } = challenge?.parameters ?? {};
    if (challenge?.scheme !== 'bearer' || !URL.canParse(realm)) throw denied();
    const url = new URL(realm);
    if (this.base.startsWith('https:') && url.protocol !== 'https:')
      throw new ManifestError('The registry wants credentials sent without TLS.');
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', `repository:${this.name.repository}:pull`);
    const answer = await this.send(url, basic);
    assertGood(answer);
    const { token, access_token: accessToken } = JSON.parse(answer.body.toString()) as Record<
      string,
      unknown
    >;
    const given = token ?? accessToken;
    if (typeof given !== 'string' || !/^[\x21-\x7e]+$/.test(given)) throw denied();
    return `Bearer ${given}`;
  }
}

function assertGood({ status }: Fetched): void {
  if (status === 200) return;
  if (status === 401 || status === 403) throw denied();
  if (status === 404) throw conflict('The registry has no such image or tag, or shows it to nobody unnamed.');
  if (status === 429 || status >= 500) throw unavailable(`The registry answered ${status}. Try again later.`);
  throw conflict(`The registry answered ${status}.`);
}

function denied(): Problem {
  return conflict('The registry denies access. Its credentials belong into REGISTRY_AUTH_FILE.');
}

function problemOf(error: unknown): unknown {
  if (error instanceof Problem) return error;
  if (error instanceof EgressRefusedError) return conflict(`The registry is not reached: ${error.message}`);
  if (error instanceof ManifestError) return conflict(error.message);
  if (error instanceof FetchError) return conflict(`The registry ${error.message}.`);
  if (error instanceof SyntaxError) return conflict('The registry answered no JSON.');
  const { name, code } = error as { name?: string; code?: unknown };
  if (name === 'AbortError' || name === 'TimeoutError' || typeof code === 'string')
    return unavailable('The registry cannot be reached, or takes too long.');
  return error;
}

/** A server that speaks HTTP answers TLS's greeting with what is none. */
function speaksNoTls(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && (code === 'EPROTO' || code.startsWith('ERR_SSL_'));
}

function isLoopback(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '');
  if (isIP(address) === 0) return address === 'localhost';
  return !mayConnect(address, []) && mayConnect(address, loopback);
}
