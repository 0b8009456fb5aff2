import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  HttpCode,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { ApiCreatedResponse } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';

/**
 * Marks a route that creates: 201, with `Location` where the thing made can be read.
 * @param type the answer's class
 * @param path below the API's base, with `:names` filled from the answer's fields, then the route's parameters
 */
export function Creates(type: new () => object, path: string): MethodDecorator {
  class LocationInterceptor implements NestInterceptor {
    intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
      const http = context.switchToHttp();
      const params = http.getRequest<FastifyRequest>().params as Record<string, string>;
      return next.handle().pipe(
        map((body: Record<string, string>) => {
          const filled = path.replace(/:(\w+)/g, (_, name: string) => body[name] ?? params[name] ?? '');
          http.getResponse<FastifyReply>().header('Location', `/api/v1${filled}`);
          return body;
        }),
      );
    }
  }
  return applyDecorators(
    HttpCode(201),
    UseInterceptors(LocationInterceptor),
    ApiCreatedResponse({
      type,
      headers: {
        Location: {
          description: 'Where the thing made can be read',
          schema: { type: 'string', format: 'uri-reference' },
        },
      },
    }),
  );
}
