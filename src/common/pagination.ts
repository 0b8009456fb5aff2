import { setImmediate as nextTurn } from 'node:timers/promises';
import { applyDecorators, Injectable, type Type } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, getSchemaPath } from '@nestjs/swagger';
import type { ColumnTypes, SqlParameters } from '../database/sql.js';
import type { Database } from '../database/database.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { Int, Text } from './fields.js';
import { invalid } from './problem.js';
import { Signer } from './signer.js';

/** How many rows are read at a time where all are wanted. */
const BATCH = 1000;

/** The query of every list; a list adds its filters. */
export class ListQuery {
  @Int({ min: 1, max: 100, optional: true, default: 20, description: 'How many items at most.' })
  limit: number = 20;

  @Text({ max: 2000, optional: true, description: 'The `nextCursor` of the page before.' })
  cursor?: string;

  @Text({ max: 60, optional: true, description: 'Field to sort by; `-` before it for descending.' })
  sort?: string;
}

/** A page of a list. */
export interface Page<T> {
  items: T[];
  nextCursor: string | null;
  total?: number;
}

/** A field that a list may be sorted by: the SQL expression, never null, and what its values are. */
export interface SortField {
  expression: string;
  kind: 'instant' | 'text' | 'number';
}

/** What a list is made of. All SQL here is the program's own; values come by `parameters`. */
export interface ListSpec<Row> {
  /** Columns, with names in double quotes where they are not lower case. Each sort field and the id are added. */
  select: string;
  from: string;
  where?: (string | false | undefined)[];
  parameters?: SqlParameters;
  types?: ColumnTypes<Row>;
  /** Makes the order total; unique. */
  id: string;
  sorts: Record<string, SortField>;
  /** As in the query, e.g. `-createdAt`. */
  defaultSort: string;
  /** Event lists have no total. */
  total?: boolean;
  /** Holds for all rows of the first page, `:limitPlusOne` of them, and spares looking at most others. */
  firstPage?: string | false;
  /** What the total is counted from, with the same filters, where `from` does more than that needs. */
  totalFrom?: string;
}

/** Reads lists page by page: keyset pagination, so that the last page costs what the first one does. */
@Injectable()
export class Lists {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly signer: Signer,
  ) {}

  /**
   * Reads one page.
   * @returns rows in order, the cursor of the next page (null on the last), and the total unless the spec says no
   * @throws Problem `validation` naming `sort` or `cursor` when it is unknown, forged or of another sort
   */
  async page<Row extends object>(
    spec: ListSpec<Row>,
    query: ListQuery,
    database: Database = this.uow,
  ): Promise<Page<Row>> {
    const sort = query.sort ?? spec.defaultSort;
    const descending = sort.startsWith('-');
    const field = spec.sorts[descending ? sort.slice(1) : sort];
    if (!field || !Object.hasOwn(spec.sorts, descending ? sort.slice(1) : sort)) {
      throw invalid(
        'sort',
        `must be one of ${Object.keys(spec.sorts).join(', ')}, with - before it for descending`,
      );
    }
    // PostgreSQL would sort text by the database's locale, SQLite by code point: both by code point.
    const collate = field.kind === 'text' && this.uow.dialect === 'postgres' ? ' COLLATE "C"' : '';
    const expression = field.expression + collate;
    const filters = (spec.where ?? []).filter((condition) => typeof condition === 'string');
    const after = query.cursor === undefined ? undefined : this.readCursor(spec, query.cursor, sort, field);
    // The cursor first: of two lower bounds of one index SQLite takes the first, and would read all pages before again.
    const conditions = after
      ? [`(${expression}, ${spec.id}) ${descending ? '<' : '>'} (:cursorValue, :cursorId)`, ...filters]
      : [...filters, ...(spec.firstPage ? [spec.firstPage] : [])];
    const direction = descending ? 'DESC' : 'ASC';
    const where = (parts: string[]) =>
      parts.length > 0 ? `WHERE ${parts.map((part) => `(${part})`).join(' AND ')}` : '';

    const rows = await database.query<Row & { sortValue: unknown; sortId: string }>(
      `SELECT ${spec.select}, ${field.expression} AS "sortValue", ${spec.id} AS "sortId" FROM ${spec.from} ${where(conditions)}
       ORDER BY ${expression} ${direction}, ${spec.id} ${direction} LIMIT :limitPlusOne`,
      { ...spec.parameters, ...after, limitPlusOne: query.limit + 1 },
      {
        ...spec.types,
        sortValue: field.kind === 'text' ? undefined : field.kind === 'number' ? 'integer' : 'instant',
      },
    );
    const items = rows.slice(0, query.limit);
    const last = items.at(-1);
    const nextCursor =
      rows.length > query.limit && last ? this.makeCursor(spec, sort, last.sortValue, last.sortId) : null;
    for (const item of items as Partial<(typeof items)[number]>[]) {
      // The last first: so an object stays as fast as it was made.
      delete item.sortId;
      delete item.sortValue;
    }
    if (spec.total === false) return { items, nextCursor };
    // The first page is all there is: nothing is left to count.
    if (!after && nextCursor === null) return { items, nextCursor, total: items.length };
    const [count] = await database.query<{ total: number }>(
      `SELECT count(*) AS "total" FROM ${spec.totalFrom ?? spec.from} ${where(filters)}`,
      spec.parameters ?? {},
      { total: 'integer' },
    );
    return { items, nextCursor, total: count?.total ?? 0 };
  }

  /**
   * Yields all rows of a list, a batch at a time: memory stays flat, no transaction is held open, and SQLite's
   * synchronous driver lets others in between. At least one batch, which may be empty.
   * @param sort a field, ascending; what is added behind the last row meanwhile is yielded too
   * @param start the least value of that field. It is no part of `where`: behind the first batch the cursor stands for
   *   it, or PostgreSQL, while it has no statistics, takes what remains for few rows and sorts all of them each time
   */
  async *batches<Row extends object>(
    spec: ListSpec<Row>,
    sort: string,
    start: unknown,
    database: Database = this.uow,
  ): AsyncGenerator<Row[], void, undefined> {
    const { where = [], parameters = {} } = spec;
    const first: ListSpec<Row> = {
      ...spec,
      where: [...where, `${spec.sorts[sort]!.expression} >= :start`],
      parameters: { ...parameters, start },
    };
    let page = await this.page({ ...first, total: false }, { limit: BATCH, sort }, database);
    yield page.items;
    while (page.nextCursor !== null) {
      await nextTurn();
      page = await this.page(
        { ...spec, total: false },
        { limit: BATCH, sort, cursor: page.nextCursor },
        database,
      );
      yield page.items;
    }
  }

  // The signature covers the list too: another list's cursor is a forged one.
  private makeCursor({ from }: { from: string }, sort: string, value: unknown, id: string): string {
    const text = Buffer.from(JSON.stringify([sort, value, id])).toString('base64url');
    return `${text}.${this.signer.sign(`${from} ${text}`)}`;
  }

  private readCursor(
    { from }: { from: string },
    cursor: string,
    sort: string,
    field: SortField,
  ): { cursorValue: unknown; cursorId: string } {
    const [, text = '', signature = ''] = /^([\w-]+)\.([\w-]+)$/.exec(cursor) ?? [];
    if (!this.signer.verify(`${from} ${text}`, signature))
      throw invalid('cursor', 'is not one that this list gave out');
    const [of, value, id] = JSON.parse(Buffer.from(text, 'base64url').toString()) as [
      string,
      unknown,
      string,
    ];
    if (of !== sort) throw invalid('cursor', 'belongs to another sort');
    return { cursorValue: field.kind === 'instant' ? new Date(value as string) : value, cursorId: id };
  }
}

/** Documents a list's answer; several types where the items depend on who asks. */
export function ApiPage(type: Type | Type[], options: { total?: boolean } = {}): MethodDecorator {
  const { total = true } = options;
  const types = [type].flat();
  const items = types.map((item) => ({ $ref: getSchemaPath(item) }));
  return applyDecorators(
    ApiExtraModels(...types),
    ApiOkResponse({
      schema: {
        type: 'object',
        required: ['items', 'nextCursor', ...(total ? ['total'] : [])],
        properties: {
          items: { type: 'array', items: items.length > 1 ? { oneOf: items } : items[0] },
          nextCursor: {
            type: 'string',
            nullable: true,
            description: 'Cursor of the next page, null on the last.',
          },
          ...(total && { total: { type: 'integer' } }),
        },
      },
    }),
  );
}

/** Documents the answer of a short list: `{items}`. */
export function ApiItems(type: Type): MethodDecorator {
  return applyDecorators(
    ApiExtraModels(type),
    ApiOkResponse({
      schema: {
        type: 'object',
        required: ['items'],
        properties: { items: { type: 'array', items: { $ref: getSchemaPath(type) } } },
      },
    }),
  );
}
