import { lookup as systemLookup } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { mayConnect, type Network } from '../config/networks.js';

/** What a server answered. */
export interface Fetched {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
  /** Where it came from, after redirects. */
  url: URL;
}

export interface FetchOptions {
  headers?: OutgoingHttpHeaders;
  /** Bytes of the longest body. */
  limit: number;
  signal: AbortSignal;
}

/** The server would have connected to an address that it must not reach. */
export class EgressRefusedError extends Error {
  override name = 'EgressRefusedError';
}

/** A body longer than asked for, or redirects without end. */
export class FetchError extends Error {
  override name = 'FetchError';
}

const MAX_REDIRECTS = 5;

/**
 * Fetches addresses that people typed or other servers named (OWASP API7:2023, SSRF). What is connected to is the very
 * address that was checked: a name that answers differently the next time, a redirect, another spelling of a private
 * address come to nothing.
 */
@Injectable()
export class Egress {
  private readonly allowed: Network[];

  constructor(config: AppConfig) {
    this.allowed = config.egressAllow;
  }

  /** Replaced by tests, for names that answer differently each time. */
  protected resolve(host: string): Promise<{ address: string; family: number }[]> {
    return systemLookup(host, { all: true });
  }

  /**
   * Fetches by GET, following redirects; credentials go to the first host alone.
   * @throws EgressRefusedError where an address is not allowed, FetchError, or the error of the connection
   */
  async get(url: URL, options: FetchOptions): Promise<Fetched> {
    let at = url;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
      const answer = await this.send(at, { ...options, headers: headersFor(at, url, options.headers) });
      const { location } = answer.headers;
      if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer;
      if (!URL.canParse(location, at.href)) throw new FetchError('was redirected to nowhere');
      const next = new URL(location, at);
      if (at.protocol === 'https:' && next.protocol !== 'https:')
        throw new EgressRefusedError('A redirect away from HTTPS is not followed.');
      at = next;
    }
    throw new FetchError('redirects too often');
  }

  private async send(url: URL, { headers, limit, signal }: FetchOptions): Promise<Fetched> {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (!['http:', 'https:'].includes(url.protocol)) throw new EgressRefusedError('Only HTTP is spoken.');
    // A literal address is never looked up.
    if (isIP(host) !== 0) this.assertAllowed([host]);
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const sent = send(url, { agent: false, headers, signal, lookup: this.lookup }, (answer) => {
        const chunks: Buffer[] = [];
        let length = 0;
        answer.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          length += chunk.length;
          if (length > limit) answer.destroy(new FetchError(`answers more than ${limit} bytes`));
        });
        answer.once('error', reject);
        answer.once('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            body: Buffer.concat(chunks),
            url,
          }),
        );
      });
      sent.once('error', reject).end();
    });
  }

  /** Given to the socket itself, so that no second question stands between the check and the connection. */
  private readonly lookup: LookupFunction = (host, { all }, done) => {
    this.resolve(host).then(
      (found) => {
        const allowed = found.filter(({ address }) => mayConnect(address, this.allowed));
        const [first] = allowed;
        if (!first) done(refused(), '', 0);
        else if (all) done(null, allowed);
        else done(null, first.address, first.family);
      },
      (error: unknown) => done(error as NodeJS.ErrnoException, '', 0),
    );
  };

  private assertAllowed(addresses: string[]): void {
    if (!addresses.every((address) => mayConnect(address, this.allowed))) throw refused();
  }
}

function refused(): EgressRefusedError {
  return new EgressRefusedError(
    'The address is a private one. Networks that may be fetched from are named in EGRESS_ALLOW.',
  );
}

function headersFor(url: URL, first: URL, headers: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  if (url.origin === first.origin) return headers;
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'),
  );
}
