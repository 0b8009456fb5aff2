import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { unknownFields } from './problem.js';

/**
 * Refuses a query or a body that the handler does not read; one that it reads is held against its class by RequestPipe.
 * So nothing that is sent is silently ignored (api.md, Conventions).
 */
@Injectable()
export class KnownInputInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { query, body } = context.switchToHttp().getRequest<FastifyRequest>();
    const strays = [
      ...(reads(context, RouteParamtypes.QUERY) ? [] : Object.keys(query as object)),
      ...(reads(context, RouteParamtypes.BODY) ? [] : fieldsOf(body)),
    ];
    if (strays.length > 0) throw unknownFields(strays);
    return next.handle();
  }
}

/** Whether the handler has a parameter of this kind: Nest keeps them under `<kind>:<position>`. */
function reads(context: ExecutionContext, kind: RouteParamtypes): boolean {
  const parameters: unknown = Reflect.getMetadata(
    ROUTE_ARGS_METADATA,
    context.getClass(),
    context.getHandler().name,
  );
  return Object.keys(parameters ?? {}).some((key) => key.startsWith(`${kind}:`));
}

function fieldsOf(body: unknown): string[] {
  // A file is taken by CsvGuard, or was refused.
  if (body === undefined || Buffer.isBuffer(body)) return [];
  return body !== null && typeof body === 'object' && !Array.isArray(body) ? Object.keys(body) : ['body'];
}
