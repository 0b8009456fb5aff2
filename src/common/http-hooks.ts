import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CSV_LIMIT } from './csv-upload.js';
import { parseJson } from './json.js';
import { histogram } from './metrics.js';
import { invalid, notFound, Problem, problemOfStatus } from './problem.js';
import { type RequestContext, withRequestContext } from './request-context.js';
import { securityHeadersFor } from './security-headers.js';

const requestSeconds = histogram(
  'http_request_seconds',
  'How long requests took, by the template of their route (`none`: no route fits).',
  ['method', 'route', 'status'],
);

const contexts = new WeakMap<FastifyRequest, RequestContext>();

/** Returns the caller's X-Request-Id when it is a sane token, else a new id (api.md, Conventions). */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[\w.:-]{1,100}$/.test(header) ? header : randomUUID();
}

/**
 * What holds for every request, whatever route it reaches: request id, a path that is one, JSON that is UTF-8, the
 * request context, and one log line.
 */
export function addHttpHooks(fastify: FastifyInstance): void {
  const routes: { method: string; segments: string[] }[] = [];
  const namedPaths = new Map<string, Set<string>>();
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) {
      routes.push({ method: one, segments: url.split('/') });
      if (!/[:*]/.test(url)) namedPaths.set(url, (namedPaths.get(url) ?? new Set()).add(one));
    }
  });

  // Hooks by callback: an async one costs every request several promises.
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('X-Request-Id', request.id).headers(securityHeadersFor(request));
    refuseStrangePath(request.raw.url ?? '');
    const allowed = methodsInstead(request);
    if (!allowed) {
      done();
      return;
    }
    if (allowed.length === 0) throw notFound();
    throw new Problem('method-not-allowed', `This path does not have ${request.method}.`, {
      headers: { Allow: allowed.join(', ') },
    });
  });

  /** The methods that the path has, when it does not have the one that was asked for. */
  function methodsInstead(request: FastifyRequest): string[] | undefined {
    const byName = request.routeOptions.url?.includes(':') === false;
    if (!request.is404 && byName) return undefined;
    const path = decodeURIComponent(pathOf(request));
    // What is named by itself (`/clients/import`) is no `:id` of its neighbour.
    const named = namedPaths.get(path);
    if (named) return [...named].sort();
    if (!request.is404) return undefined;
    const segments = path.split('/');
    const fitting = routes.filter((route) => fits(route.segments, segments)).map(({ method }) => method);
    return [...new Set(fitting)].sort();
  }

  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body: Buffer, done) => {
    try {
      done(null, readJsonBody(body));
    } catch (error) {
      done(error as Error);
    }
  });

  // Files are for imports alone, before a byte of one is read.
  fastify.addHook('preParsing', (request, _reply, _payload, done) => {
    const { csv } = request.routeOptions.config as { csv?: boolean };
    if (!csv && /^text\/csv\b/i.test(request.headers['content-type'] ?? '')) {
      throw new Problem('unsupported-media-type', 'This route takes application/json.');
    }
    done();
  });
  fastify.addContentTypeParser(
    'text/csv',
    { parseAs: 'buffer', bodyLimit: CSV_LIMIT },
    (_request, body: Buffer, done) => done(null, body),
  );

  // After the body: its events would leave the context again.
  fastify.addHook('preValidation', (request, _reply, done) => {
    const context: RequestContext = {
      requestId: request.id,
      ip: addressOf(request),
      userAgent: request.headers['user-agent'] ?? null,
      actor: { kind: 'anonymous', id: null },
    };
    contexts.set(request, context);
    withRequestContext(context, done);
  });

  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    if (!reply.hasHeader('Cache-Control')) reply.header('Cache-Control', 'no-store');
    done();
  });

  fastify.addHook('onResponse', (request, reply, done) => {
    const { actor, ip = addressOf(request) } = contexts.get(request) ?? {};
    const { method } = request;
    const route = request.routeOptions.url;
    const status = reply.statusCode;
    const ms = reply.elapsedTime;
    requestSeconds.observe({ method, route: route ?? 'none', status }, ms / 1000);
    request.log.info(
      {
        requestId: request.id,
        method,
        route: route ?? null,
        path: pathOf(request),
        status,
        ms: Math.round(ms * 10) / 10,
        actor: actor && `${actor.kind}${actor.id === null ? '' : `:${actor.id}`}`,
        ip,
        userAgent: request.headers['user-agent'],
      },
      'request',
    );
    done();
  });
}

/** Answers what is no HTTP, or took too long, and so reaches no route (Fastify's clientErrorHandler). */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  const status = clientErrors[error.code ?? ''] ?? 400;
  const id = randomUUID();
  const body = JSON.stringify(
    problemOfStatus(status, 'The request is no valid HTTP, or took too long.', '/', id),
  );
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json\r\nX-Request-Id: ${id}\r\n` +
      `Cache-Control: no-store\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const clientErrors: Record<string, number> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 };

/** The caller's address. A proxy may pass on an X-Forwarded-For that holds anything: the proxy's own, then. */
function addressOf(request: FastifyRequest): string | null {
  return isIP(request.ip) ? request.ip : (request.socket.remoteAddress ?? null);
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

/** Refuses what is no path segment or no text on both databases (api.md, Conventions; ASVS 5.0 1.1.1). */
function refuseStrangePath(url: string): void {
  if (!url.includes('%')) return;
  const [path = '', query = ''] = url.split(/\?(.*)/s, 2);
  if (/%(00|2f|5c)/i.test(path) || !decodes(path)) throw invalid('path', 'is not a valid URL path');
  if (!decodes(query.replaceAll('+', ' '))) throw invalid('query', 'is not valid UTF-8');
}

function decodes(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function fits(pattern: string[], segments: string[]): boolean {
  if (pattern.at(-1) === '*') return false;
  return (
    pattern.length === segments.length &&
    pattern.every((part, index) => (part.startsWith(':') ? segments[index] !== '' : part === segments[index]))
  );
}

function readJsonBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw invalid('body', 'is not valid JSON in UTF-8');
  }
  return parseJson(text, 'body');
}
