import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader, ApiPreconditionFailedResponse, ApiResponse } from '@nestjs/swagger';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from './problem.js';

/** The ETag of a version, a strong validator (RFC 9110, 8.8.3). */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/** Hands the If-Match header to the handler, undefined when there is none. */
export const IfMatch = createParamDecorator((_: unknown, context: ExecutionContext): string | undefined => {
  return context.switchToHttp().getRequest<FastifyRequest>().headers['if-match'];
});

/**
 * Compares a resource's version with If-Match (RFC 9110, 13.1.1: `*`, one or several strong tags).
 * @throws Problem `precondition-required` when there is no header, `version-mismatch` when no tag is the current one
 */
export function requireMatch(version: number, ifMatch: string | undefined): void {
  if (ifMatch === undefined) {
    throw new Problem('precondition-required', 'Send If-Match with the ETag of the version you saw, or "*".');
  }
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  if (!tags.includes('*') && !tags.includes(etagOf(version))) throw versionMismatch();
}

/** Like `requireMatch`, for actions, which honour If-Match but do not demand it. */
export function honourMatch(version: number, ifMatch: string | undefined): void {
  if (ifMatch !== undefined) requireMatch(version, ifMatch);
}

/** 412: somebody else changed the resource in between. */
export function versionMismatch(): Problem {
  return new Problem(
    'version-mismatch',
    'The resource has changed since. Read it again and repeat the change.',
  );
}

/** Gives every answer that carries a `version` its ETag. */
export function addETags(fastify: FastifyInstance): void {
  fastify.addHook('preSerialization', (_request, reply, body: unknown, done) => {
    if (body !== null && typeof body === 'object' && 'version' in body && typeof body.version === 'number') {
      reply.header('ETag', etagOf(body.version));
    }
    done(null, body);
  });
}

/** Documents the If-Match header that an action honours, and what follows when it is stale. */
export function ApiMayMatch(): MethodDecorator {
  return applyDecorators(
    ApiHeader({ name: 'If-Match', required: false, description: 'The ETag of the version you saw.' }),
    ApiPreconditionFailedResponse({ description: 'If-Match is given and stale (`version-mismatch`).' }),
  );
}

/** Documents the If-Match header that a PATCH or DELETE demands, and what follows without it. */
export function ApiIfMatch(): MethodDecorator {
  return applyDecorators(
    ApiHeader({
      name: 'If-Match',
      required: true,
      description: 'The ETag of the version you saw, or `*`.',
      schema: { type: 'string', example: '"1"' },
    }),
    ApiPreconditionFailedResponse({ description: 'Somebody else changed it (`version-mismatch`).' }),
    ApiResponse({ status: 428, description: 'If-Match is missing (`precondition-required`).' }),
  );
}
