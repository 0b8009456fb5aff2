import { STATUS_CODES } from 'node:http';

/** Problem slugs of api.md with their status. */
const statuses = {
  validation: 400,
  unauthenticated: 401,
  'invalid-credentials': 401,
  forbidden: 403,
  'access-expired': 403,
  'access-not-started': 403,
  'access-revoked': 403,
  'demo-not-granted': 403,
  'otp-required': 403,
  'otp-enrolment-required': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  conflict: 409,
  'launch-unavailable': 409,
  'version-mismatch': 412,
  'payload-too-large': 413,
  'unsupported-media-type': 415,
  'idempotency-mismatch': 422,
  'precondition-required': 428,
  'too-many-requests': 429,
  internal: 500,
  unavailable: 503,
} as const;

export type ProblemSlug = keyof typeof statuses;

const titles: Partial<Record<ProblemSlug, string>> = {
  validation: 'The request is not valid',
  unauthenticated: 'Sign in first',
  'invalid-credentials': 'E-mail or password is wrong',
  forbidden: 'Not allowed',
  'access-expired': 'The access has ended',
  'access-not-started': 'The access has not started',
  'access-revoked': 'The access was revoked',
  'demo-not-granted': 'The demo is not open to this client',
  'otp-required': 'A second factor is required',
  'otp-enrolment-required': 'A second factor must be set up first',
  'not-found': 'Not found',
  'method-not-allowed': 'The path does not have this method',
  conflict: 'The state of the resource forbids this',
  'launch-unavailable': 'The demo cannot be launched',
  'version-mismatch': 'Somebody else changed the resource',
  'payload-too-large': 'The request is too large',
  'unsupported-media-type': 'The content type is not supported',
  'idempotency-mismatch': 'The Idempotency-Key was used with another request',
  'precondition-required': 'If-Match is required',
  'too-many-requests': 'Too many requests',
  internal: 'Something went wrong',
  unavailable: 'Not available at the moment',
};

/** One field that is wrong, and why. `line` is a line of an imported file, counted from 1. */
export interface FieldError {
  field: string;
  message: string;
  line?: number;
}

/** The body of every error answer (RFC 9457). */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  requestId: string;
  errors?: FieldError[];
}

/** An error that is an answer: thrown anywhere, turned into problem details by the one filter. */
export class Problem extends Error {
  readonly status: number;
  readonly errors: FieldError[] | undefined;
  readonly headers: Record<string, string>;

  /**
   * @param slug a problem of api.md; decides type, title and status
   * @param detail what is wrong in this case, for a person; never a stack, SQL or a path of a file
   */
  constructor(
    readonly slug: ProblemSlug,
    detail: string,
    more: { errors?: FieldError[]; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.name = 'Problem';
    this.status = statuses[slug];
    this.errors = more.errors;
    // RFC 9110, 15.5.2: a 401 names the scheme to sign in with.
    this.headers = { ...(this.status === 401 && { 'WWW-Authenticate': 'Bearer' }), ...more.headers };
  }

  /** Returns the answer's body for the request at `instance`. */
  body(instance: string, requestId: string): ProblemBody {
    return {
      type: `urn:ecatalog:problem:${this.slug}`,
      title: titles[this.slug] ?? this.slug,
      status: this.status,
      detail: this.message,
      instance,
      requestId,
      ...(this.errors && { errors: this.errors }),
    };
  }
}

/** Returns the problem body of a status that has no slug of its own, by the status's name (api.md, Conventions). */
export function problemOfStatus(
  status: number,
  detail: string,
  instance: string,
  requestId: string,
): ProblemBody {
  const known = (Object.keys(statuses) as ProblemSlug[]).find((slug) => statuses[slug] === status);
  if (known) return new Problem(known, detail).body(instance, requestId);
  const title = STATUS_CODES[status] ?? 'Error';
  const slug = title.toLowerCase().replace(/[^a-z]+/g, '-');
  return { type: `urn:ecatalog:problem:${slug}`, title, status, detail, instance, requestId };
}

/** 404: unknown, malformed or not the caller's, always the same answer. */
export function notFound(): Problem {
  return new Problem('not-found', 'There is nothing here, or it is not yours to see.');
}

/** 400 that names one field. */
export function invalid(field: string, message: string): Problem {
  return new Problem('validation', `${field}: ${message}`, { errors: [{ field, message }] });
}

/** 400 that names each field that the call does not have. */
export function unknownFields(fields: string[]): Problem {
  const errors = fields.map((field) => ({ field, message: 'is not known here' }));
  return new Problem('validation', `Not known here: ${fields.join(', ')}`.slice(0, 1000), { errors });
}

/** 409: what the resource's state forbids. */
export function conflict(detail: string): Problem {
  return new Problem('conflict', detail);
}

/** 429 with Retry-After in whole seconds, at least 1 (RFC 9110, 10.2.3). */
export function tooManyRequests(detail: string, retryAfterMs: number): Problem {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  return new Problem('too-many-requests', detail, { headers: { 'Retry-After': String(seconds) } });
}

/** 503 with Retry-After. */
export function unavailable(detail: string): Problem {
  return new Problem('unavailable', detail, { headers: { 'Retry-After': '5' } });
}
