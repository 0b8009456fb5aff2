import { type ArgumentMetadata, Injectable, type PipeTransform, ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { type FieldError, invalid, Problem, unknownFields } from './problem.js';

/** Whether a name means something to every object; what reads input by names must not meet it. */
export function isReservedName(name: string): boolean {
  return name in Object.prototype || name === 'prototype';
}

/**
 * Validates bodies and queries against their class: unknown fields are refused, each wrong field is named. A query
 * carries text only, so its numbers and flags are read by the type of the property; a body's types must fit as they are.
 */
@Injectable()
export class RequestPipe implements PipeTransform {
  private readonly validation = new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: true,
    exceptionFactory: (errors) => {
      const fields = errors.flatMap((error) => fieldErrors(error));
      const detail = fields.map((e) => `${e.field}: ${e.message}`).join('; ');
      return new Problem('validation', detail.slice(0, 1000), { errors: fields });
    },
  });

  transform(value: unknown, metadata: ArgumentMetadata): unknown {
    switch (metadata.type) {
      case 'body': {
        const body = value === undefined ? {} : value;
        if (body === null || typeof body !== 'object' || Array.isArray(body)) {
          throw invalid('body', 'must be a JSON object');
        }
        return this.validation.transform(body, metadata);
      }
      case 'query':
        return metadata.metatype
          ? this.validation.transform(
              typedQuery(value as Record<string, unknown>, metadata.metatype),
              metadata,
            )
          : value;
      // A parameter of the path has its own pipe, and what the program itself hands in needs none.
      case 'param':
      case 'custom':
        return value;
    }
  }
}

function typedQuery(query: Record<string, unknown>, type: new () => object): Record<string, unknown> {
  // The validator would pass over them in silence.
  const reserved = Object.keys(query).filter(isReservedName);
  if (reserved.length > 0) throw unknownFields(reserved);
  return Object.fromEntries(
    Object.entries(query).map(([key, value]) => {
      const wanted: unknown = Reflect.getMetadata('design:type', type.prototype as object, key);
      if (typeof value !== 'string') return [key, value];
      if (wanted === Number && /^-?\d+(\.\d+)?$/.test(value)) return [key, Number(value)];
      if (wanted === Boolean && (value === 'true' || value === 'false')) return [key, value === 'true'];
      return [key, value];
    }),
  );
}

function fieldErrors(error: ValidationError, path = ''): FieldError[] {
  const field = path + error.property;
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    field,
    message: rule === 'whitelistValidation' ? 'is not known here' : message,
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => fieldErrors(child, `${field}.`))];
}
