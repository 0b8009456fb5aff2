import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';
import { unknownFields } from './problem.js';

interface Reading {
  query: boolean;
  body: boolean;
}

/**
 * Refuses a query or a body that the handler does not read; one that it reads is held against its class by RequestPipe.
 * So nothing that is sent is silently ignored (api.md, Conventions). It stands behind the guard of access.
 */
@Injectable()
export class KnownInputGuard implements CanActivate {
  private readonly reading = new WeakMap<object, Reading>();

  canActivate(context: ExecutionContext): boolean {
    const { query, body, routeOptions } = context.switchToHttp().getRequest<FastifyRequest>();
    const reads = this.readingOf(context);
    // What an import is sent is for CsvGuard to judge.
    const { csv } = routeOptions.config as { csv?: boolean };
    const strays = [
      ...(reads.query ? [] : Object.keys(query as object)),
      ...(reads.body || csv ? [] : fieldsOf(body)),
    ];
    if (strays.length > 0) throw unknownFields(strays);
    return true;
  }

  private readingOf(context: ExecutionContext): Reading {
    const handler = context.getHandler();
    let reading = this.reading.get(handler);
    if (!reading) {
      const type = context.getClass();
      const parameters: unknown = Reflect.getMetadata(ROUTE_ARGS_METADATA, type, handler.name);
      // Nest keeps them under `<kind>:<position>`.
      const has = (kind: RouteParamtypes) =>
        Object.keys(parameters ?? {}).some((key) => key.startsWith(`${kind}:`));
      reading = { query: has(RouteParamtypes.QUERY), body: has(RouteParamtypes.BODY) };
      this.reading.set(handler, reading);
    }
    return reading;
  }
}

function fieldsOf(body: unknown): string[] {
  if (body === undefined) return [];
  return body !== null && typeof body === 'object' && !Array.isArray(body) ? Object.keys(body) : ['body'];
}
