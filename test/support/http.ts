/** HTTP as the suites speak it: node:http itself, so that odd paths and bodies go out as they are written. */
import { Agent, request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';

export const API = '/api/v1';

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  /** The parsed JSON; undefined where the answer is none. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what it holds is what the test finds out
  body: any;
  text: string;
}

export interface RequestOptions {
  /** A bearer token; `null` sends none where the client has one. */
  token?: string | null;
  headers?: OutgoingHttpHeaders;
  query?: Record<string, string | number | boolean | readonly string[] | undefined>;
  /** A version (sent quoted) or the header as it is to be. */
  ifMatch?: number | string;
  idempotencyKey?: string;
  /** Ends the request with an error after so many milliseconds (30,000). */
  timeoutMs?: number;
}

/** A caller of the API: as a stranger, or with the token of a session. Paths are below /api/v1. */
export class Http {
  constructor(
    private readonly server: () => { url: string; agent: Agent },
    protected readonly bearer: () => string | undefined = () => undefined,
  ) {}

  get(path: string, options?: RequestOptions): Promise<Reply> {
    return this.raw('GET', API + path, undefined, options);
  }

  head(path: string, options?: RequestOptions): Promise<Reply> {
    return this.raw('HEAD', API + path, undefined, options);
  }

  /** @param body an object is sent as JSON; a string or Buffer as it is, as application/json unless `headers` say */
  post(path: string, body?: unknown, options?: RequestOptions): Promise<Reply> {
    return this.raw('POST', API + path, body, options);
  }

  put(path: string, body?: unknown, options?: RequestOptions): Promise<Reply> {
    return this.raw('PUT', API + path, body, options);
  }

  patch(path: string, body?: unknown, options?: RequestOptions): Promise<Reply> {
    return this.raw('PATCH', API + path, body, options);
  }

  delete(path: string, options?: RequestOptions): Promise<Reply> {
    return this.raw('DELETE', API + path, undefined, options);
  }

  /** The same with the whole path given (`/health/ready`), sent unchanged. */
  raw(method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<Reply> {
    const { url, agent } = this.server();
    const token = options.token === undefined ? this.bearer() : options.token;
    const payload =
      body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const headers: OutgoingHttpHeaders = {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(payload !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(payload),
      }),
      ...(options.ifMatch !== undefined && {
        'if-match': typeof options.ifMatch === 'number' ? `"${options.ifMatch}"` : options.ifMatch,
      }),
      ...(options.idempotencyKey && { 'idempotency-key': options.idempotencyKey }),
      ...options.headers,
    };
    const { hostname, port } = new URL(url);
    const timeout = options.timeoutMs ?? 30_000;
    const target = path + queryString(options.query);
    return new Promise((resolve, reject) => {
      const sent = request({ method, hostname, port, path: target, headers, agent, timeout }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.once('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const isJson = /^application\/(problem\+)?json\b/.test(answer.headers['content-type'] ?? '');
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            body: isJson && text ? JSON.parse(text) : undefined,
            text,
          });
        });
      });
      // Not once: a broken connection may be told twice, and the second time nobody would listen.
      sent.on('error', reject);
      sent.once('timeout', () => sent.destroy(new Error(`${method} ${target}: no answer in ${timeout} ms`)));
      sent.end(payload);
    });
  }

  /** Sends bytes that need be no HTTP over a socket and returns all that comes back until it is closed. */
  wire(bytes: string | Buffer, timeoutMs = 10_000): Promise<string> {
    const { hostname, port } = new URL(this.server().url);
    return new Promise((resolve, reject) => {
      let received = '';
      const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(bytes));
      socket.setTimeout(timeoutMs, () => socket.destroy());
      socket.on('data', (chunk) => (received += chunk.toString('latin1')));
      socket.once('error', reject).once('close', () => resolve(received));
    });
  }
}

function queryString(query: RequestOptions['query'] = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of Array.isArray(value) ? (value as string[]) : [value])
      if (one !== undefined) search.append(name, String(one));
  return search.size ? `?${search}` : '';
}

/**
 * Expects a problem answer (RFC 9457) as api.md has it.
 * @param slug what follows `urn:ecatalog:problem:`
 * @param field one that `errors` must name
 */
export function expectProblem(reply: Reply, status: number, slug: string, field?: string): void {
  const seen = { status: reply.status, type: reply.body?.type, fields: fieldsOf(reply) };
  expect(seen).toEqual({
    status,
    type: `urn:ecatalog:problem:${slug}`,
    fields: field === undefined ? seen.fields : expect.arrayContaining([field]),
  });
  expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(reply.body).toMatchObject({
    title: expect.any(String),
    status,
    instance: expect.stringMatching(/^\//),
    requestId: reply.headers['x-request-id'],
  });
}

function fieldsOf(reply: Reply): string[] {
  const errors = reply.body?.errors as { field: string }[] | undefined;
  return errors?.map((error) => error.field) ?? [];
}
