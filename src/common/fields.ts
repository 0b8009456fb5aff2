import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  isEmail,
  IsArray,
  IsBoolean,
  IsDate,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateBy,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { isId } from './ids.js';
import { emailKey } from './text.js';

/** What every field can say of itself, for validation and for the OpenAPI document alike. */
export interface FieldOptions {
  /** May be left out. */
  optional?: boolean;
  /** May be null. */
  nullable?: boolean;
  description?: string;
  example?: unknown;
  default?: unknown;
}

/**
 * One declaration a field: its validators and its schema, so that the two cannot differ. Without `optional` the
 * field must be there, without `nullable` it must not be null.
 */
function field(
  schema: ApiPropertyOptions,
  validators: PropertyDecorator[],
  options: FieldOptions,
): PropertyDecorator {
  const { optional = false, nullable = false, description, example, default: fallback } = options;
  return applyDecorators(
    ApiProperty({
      ...schema,
      required: !optional,
      ...(nullable && { nullable }),
      ...(description !== undefined && { description }),
      ...(example !== undefined && { example }),
      ...(fallback !== undefined && { default: fallback }),
    } as ApiPropertyOptions),
    ValidateIf((_, value) => !((optional && value === undefined) || (nullable && value === null))),
    ...validators,
  );
}

/** Tells whether text can be stored on both databases and shown: no NUL or other control, no lone surrogate. */
function isPrintable(value: unknown, multiline: boolean): boolean {
  return (
    typeof value === 'string' &&
    value.isWellFormed() &&
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    !(multiline ? /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/ : /[\u0000-\u001f\u007f]/).test(value)
  );
}

const printable = (multiline: boolean, each = false) =>
  ValidateBy(
    {
      name: 'isText',
      validator: {
        validate: (value) => isPrintable(value, multiline),
        defaultMessage: () => `must be text${multiline ? '' : ' on one line'} without control characters`,
      },
    },
    { each },
  );

const trimmed = Transform(({ value }: { value: unknown }) =>
  typeof value === 'string' ? value.trim() : value,
);

/** One line of text, trimmed; `min` characters at least (1 unless told), `max` at most. */
export function Text(options: FieldOptions & { max: number; min?: number }): PropertyDecorator {
  const { min = 1, max } = options;
  return field(
    { type: String, minLength: min, maxLength: max },
    [
      trimmed,
      printable(false),
      MinLength(min, { message: 'must not be shorter than $constraint1' }),
      MaxLength(max, { message: 'must not be longer than $constraint1' }),
    ],
    options,
  );
}

/** Text of many lines, kept as given; where it must say something, `required`: more than spaces. */
export function LongText(options: FieldOptions & { max: number; required?: boolean }): PropertyDecorator {
  const { max, required = false } = options;
  return field(
    { type: String, maxLength: max, ...(required && { minLength: 1, pattern: String.raw`\S` }) },
    [
      ...(required ? [Matches(/\S/, { message: 'must not be empty' })] : []),
      printable(true),
      MaxLength(max, { message: 'must not be longer than $constraint1' }),
    ],
    options,
  );
}

/** A secret that is typed or handed back: kept as given. Its own rules, if any, are the service's. */
export function Secret(options: FieldOptions & { max?: number } = {}): PropertyDecorator {
  const { max = 1000 } = options;
  return field(
    { type: String, minLength: 1, maxLength: max, format: 'password' },
    [
      ValidateBy({
        name: 'isSecret',
        validator: {
          validate: (value) => typeof value === 'string' && value.length > 0 && value.isWellFormed(),
          defaultMessage: () => 'must be text',
        },
      }),
      MaxLength(max, { message: 'must not be longer than $constraint1' }),
    ],
    options,
  );
}

/** An e-mail address, trimmed; its key (text.ts) fits the column too. */
export function Email(options: FieldOptions = {}): PropertyDecorator {
  return field(
    { type: String, format: 'email', maxLength: 320 },
    [
      trimmed,
      // One validator: the library's own throws at half a character, so it must not see one.
      ValidateBy({
        name: 'isEmail',
        validator: {
          validate: (value) =>
            isPrintable(value, false) && isEmail(value) && emailKey(value as string).length <= 320,
          defaultMessage: () => 'must be an e-mail address, not longer than 320',
        },
      }),
    ],
    { example: 'ana@example.com', ...options },
  );
}

/** An id of this API (UUID). */
export function Id(options: FieldOptions = {}): PropertyDecorator {
  return field({ type: String, format: 'uuid' }, [idValidator()], options);
}

const idValidator = (each = false) =>
  ValidateBy(
    { name: 'isId', validator: { validate: isId, defaultMessage: () => 'must be an id' } },
    { each },
  );

/** Ids, none twice. */
export function IdList(options: FieldOptions & { min?: number; max?: number } = {}): PropertyDecorator {
  const { min = 0, max = 100 } = options;
  return field(
    { type: String, format: 'uuid', isArray: true, minItems: min, maxItems: max, uniqueItems: true },
    [...listValidators(min, max), idValidator(true)],
    options,
  );
}

/** Short texts, none twice. */
export function TextList(options: FieldOptions & { maxItems: number; maxLength: number }): PropertyDecorator {
  return field(
    {
      type: 'array',
      items: { type: 'string', minLength: 1, maxLength: options.maxLength },
      maxItems: options.maxItems,
      uniqueItems: true,
    },
    [
      Transform(({ value }: { value: unknown }) =>
        Array.isArray(value)
          ? value.map((item: unknown) => (typeof item === 'string' ? item.trim() : item))
          : value,
      ),
      ...listValidators(0, options.maxItems),
      printable(false, true),
      MinLength(1, { each: true, message: 'each must not be empty' }),
      MaxLength(options.maxLength, { each: true, message: 'each must not be longer than $constraint1' }),
    ],
    options,
  );
}

/** Some of the given words, none twice; `min` at least (0 unless told). */
export function WordList(
  words: readonly string[],
  options: FieldOptions & { min?: number } = {},
): PropertyDecorator {
  const { min = 0 } = options;
  return field(
    {
      type: String,
      enum: [...words],
      isArray: true,
      minItems: min,
      maxItems: words.length,
      uniqueItems: true,
    },
    [
      ...listValidators(min, words.length),
      IsIn(words, { each: true, message: `each must be one of ${words.join(', ')}` }),
    ],
    options,
  );
}

const listValidators = (min: number, max: number) => [
  IsArray({ message: 'must be a list' }),
  ArrayMinSize(min, { message: 'must have at least $constraint1' }),
  ArrayMaxSize(max, { message: 'must have at most $constraint1' }),
  ArrayUnique({ message: 'must not name one twice' }),
];

/** A whole number. */
export function Int(options: FieldOptions & { min?: number; max?: number } = {}): PropertyDecorator {
  const { min = 0, max = 2_147_483_647 } = options;
  return field(
    { type: 'integer', minimum: min, maximum: max },
    [
      IsInt({ message: 'must be a whole number' }),
      Min(min, { message: 'must be at least $constraint1' }),
      Max(max, { message: 'must be at most $constraint1' }),
    ],
    options,
  );
}

/** A number that need not be whole. */
export function Num(options: FieldOptions = {}): PropertyDecorator {
  return field({ type: 'number' }, [IsNumber({}, { message: 'must be a number' })], options);
}

/** true or false. */
export function Flag(options: FieldOptions = {}): PropertyDecorator {
  return field({ type: Boolean }, [IsBoolean({ message: 'must be true or false' })], options);
}

/** One of some words. */
export function OneOf(words: readonly string[], options: FieldOptions = {}): PropertyDecorator {
  return field(
    { type: String, enum: [...words] },
    [IsIn(words, { message: `must be one of ${words.join(', ')}` })],
    options,
  );
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * Returns the instant that ISO 8601 text with an offset names, cut to milliseconds; undefined when it is none, has no
 * offset, names a day that does not exist or lies outside the years 1970 to 9999.
 */
export function parseInstant(text: unknown): Date | undefined {
  if (typeof text !== 'string' || !INSTANT.test(text)) return undefined;
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number);
  if (day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined;
  const instant = new Date(text);
  const time = instant.getTime();
  return time >= 0 && time < Date.UTC(10_000, 0, 1) ? instant : undefined;
}

/** An instant: ISO 8601 with an offset in, UTC with milliseconds out (RFC 3339). */
export function Instant(options: FieldOptions = {}): PropertyDecorator {
  return field(
    { type: String, format: 'date-time' },
    [
      Transform(({ value }: { value: unknown }) => parseInstant(value) ?? value),
      IsDate({ message: 'must be an ISO 8601 instant with an offset, as in 2026-11-21T12:00:00.000Z' }),
    ],
    { example: '2026-11-21T12:00:00.000Z', ...options },
  );
}

/** An http or https address. */
export function WebUrl(options: FieldOptions = {}): PropertyDecorator {
  return field(
    { type: String, format: 'uri', maxLength: 2000 },
    [
      trimmed,
      ValidateBy({
        name: 'isWebUrl',
        validator: { validate: isWebUrl, defaultMessage: () => 'must be an http or https address' },
      }),
      MaxLength(2000, { message: 'must not be longer than $constraint1' }),
    ],
    { example: 'https://demo.example.com', ...options },
  );
}

/** Tells whether `value` is an absolute http(s) URL without credentials, spaces or control characters (ASVS 1.2.2). */
export function isWebUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !isPrintable(value, false) || /[\s\\<>"]/.test(value)) return false;
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) return false;
  const url = new URL(value);
  return url.hostname !== '' && url.username === '' && url.password === '';
}

/** An object of another class. */
export function Nested(type: () => new () => object, options: FieldOptions = {}): PropertyDecorator {
  return field(
    { type: () => type() },
    [
      IsObject({ message: 'must be an object' }),
      ValidateNested({ message: 'must be an object' }),
      Type(type),
    ],
    options,
  );
}

/** Objects of another class. */
export function NestedList(
  type: () => new () => object,
  options: FieldOptions & { min?: number; max?: number } = {},
): PropertyDecorator {
  const { min = 0, max = 100 } = options;
  return field(
    { type: () => type(), isArray: true },
    [
      IsArray({ message: 'must be a list' }),
      ArrayMinSize(min, { message: 'must have at least $constraint1' }),
      ArrayMaxSize(max, { message: 'must have at most $constraint1' }),
      // ValidateNested alone takes a list for an object.
      IsObject({ each: true, message: 'each must be an object' }),
      ValidateNested({ each: true, message: 'each must be an object' }),
      Type(type),
    ],
    options,
  );
}
