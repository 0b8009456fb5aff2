import {
  applyDecorators,
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  HttpCode,
  UseGuards,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiResponse } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import type { FastifyRequest } from 'fastify';
import { Flag, Int } from './fields.js';
import { Problem } from './problem.js';

/** Largest file of an import (api.md, Clients and requests). */
export const CSV_LIMIT = 5 * 1024 * 1024;

export class ImportQuery {
  @Transform(({ value }: { value: unknown }) => (value === '' ? true : value))
  @Flag({ optional: true, default: false, description: 'Check the file and change nothing.' })
  dryRun: boolean = false;
}

export class ImportedDto {
  @Int({ example: 200, description: 'How many were made; with `dryRun`, would be.' }) created!: number;
}

/** Lets in a file only: what the global guard let through before may still be JSON. */
class CsvGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { body, headers } = context.switchToHttp().getRequest<FastifyRequest>();
    const charset = /charset=\s*"?([^";]+)/i.exec(headers['content-type'] ?? '')?.[1];
    if (Buffer.isBuffer(body) && /^utf-?8$/i.test(charset?.trim() ?? 'utf-8')) return true;
    throw new Problem('unsupported-media-type', 'This route takes text/csv in UTF-8.');
  }
}

/** Marks a POST whose body is a CSV file of up to `CSV_LIMIT`; the handler has it by `@CsvFile()`. */
export function TakesCsv(example: string): MethodDecorator {
  return applyDecorators(
    HttpCode(200),
    RouteConfig({ csv: true }),
    UseGuards(CsvGuard),
    ApiConsumes('text/csv'),
    ApiBody({ schema: { type: 'string', example } }),
    ApiOkResponse({ type: ImportedDto }),
    ApiResponse({
      status: 400,
      description:
        'Every bad line, in `errors` with its `line` (`validation`); of very many the first 10,000.',
    }),
    ApiResponse({ status: 413, description: 'Larger than 5 MB (`payload-too-large`).' }),
    ApiResponse({ status: 415, description: 'Not text/csv in UTF-8 (`unsupported-media-type`).' }),
  );
}

/** Hands the uploaded file to the handler of a route that `@TakesCsv`. */
export const CsvFile = createParamDecorator((_: unknown, context: ExecutionContext): Buffer => {
  return context.switchToHttp().getRequest<FastifyRequest>().body as Buffer;
});
