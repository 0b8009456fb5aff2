import type { FastifyRequest } from 'fastify';

/** Where the docs are: the one page of HTML. */
export const DOCS_PATH = 'docs';

/** What every answer says to a browser (OWASP REST Security and HTTP Headers cheat sheets; ASVS 5.0 3.2.1, 3.4). */
const onEveryAnswer = {
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Data: nothing in it may be loaded or run. */
const onData = { ...onEveryAnswer, 'content-security-policy': "default-src 'none'; frame-ancestors 'none'" };

/** The page of the docs: its own scripts alone. Swagger UI sets styles as it goes. */
const onPages = {
  ...onEveryAnswer,
  'content-security-policy': [
    "default-src 'self'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "img-src 'self' data:",
    "object-src 'none'",
    "script-src 'self'",
    "script-src-attr 'none'",
    "style-src 'self' 'unsafe-inline'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
};

/**
 * The security headers of an answer to `request`. Constant, and set through the reply: Nest's own `useSecurityHeaders`
 * sets each on the raw response, which cost a seventh of the time of a read.
 */
export function securityHeadersFor(request: FastifyRequest): Readonly<Record<string, string>> {
  return request.url.startsWith(`/${DOCS_PATH}`) ? onPages : onData;
}
