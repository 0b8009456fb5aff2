import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  Injectable,
  Logger,
} from '@nestjs/common';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { DatabaseUnavailableError, unavailability } from '../database/errors.js';
import { invalid, Problem, type ProblemBody, problemOfStatus, unavailable } from './problem.js';
import { securityHeadersFor } from './security-headers.js';

/** Turns every error into problem details (RFC 9457). What nobody foresaw is logged whole and answered without detail. */
@Catch()
@Injectable()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Problem');

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (reply.sent) return;
    sendProblem(request, reply, error, (unforeseen) => {
      this.logger.error(
        unforeseen instanceof Error ? { err: unforeseen, requestId: request.id } : unforeseen,
      );
    });
  }
}

/**
 * Answers `error` on `reply`.
 * @param unforeseen told of errors that are nobody's answer, for the log
 */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
  unforeseen: (error: unknown) => void,
): void {
  const instance = request.url.split('?', 1)[0] ?? request.url;
  const problem = problemOf(error, unforeseen);
  const body: ProblemBody =
    problem instanceof Problem
      ? problem.body(instance, request.id)
      : problemOfStatus(problem.status, problem.message, instance, request.id);
  if (problem instanceof Problem) void reply.headers(problem.headers);
  void reply
    .code(body.status)
    .header('X-Request-Id', request.id)
    .headers(securityHeadersFor(request))
    .header('Cache-Control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(body));
}

function problemOf(
  error: unknown,
  unforeseen: (error: unknown) => void,
): Problem | { status: number; message: string } {
  if (error instanceof Problem) return error;
  const outage = unavailability(error);
  if (outage instanceof DatabaseUnavailableError) return unavailable(outage.detail);
  if (error instanceof HttpException) return { status: error.getStatus(), message: error.message };
  const { code, statusCode } = error as Partial<FastifyError>;
  if (typeof code === 'string' && code.startsWith('FST_') && statusCode !== undefined && statusCode < 500) {
    return fastifyProblem(code, statusCode);
  }
  unforeseen(error);
  return new Problem('internal', 'The error was logged under this request id.');
}

/** What Fastify refuses before a handler is reached; its own words name its internals. */
function fastifyProblem(code: string, status: number): Problem | { status: number; message: string } {
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem('payload-too-large', 'The body is larger than this route takes.');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Problem('unsupported-media-type', 'This route takes application/json, an import text/csv.');
    case 'FST_ERR_BAD_URL':
      return invalid('path', 'is not a valid URL path');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return invalid('Content-Length', 'does not fit the body');
    default:
      return { status, message: 'The request is not valid.' };
  }
}
