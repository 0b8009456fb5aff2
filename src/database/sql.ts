import type { DataSource, QueryRunner } from 'typeorm';
import type { MaybePromise } from '../common/maybe-promise.js';
import { fromSqliteInstant, toSqliteInstant } from './instants.js';

export type Dialect = 'sqlite' | 'postgres';

/** Which of the two databases a data source speaks to. */
export function dialectOf(dataSource: DataSource): Dialect {
  return dataSource.options.type === 'postgres' ? 'postgres' : 'sqlite';
}

/** One text for both databases, or one for each. Parameters are named: `:clientId`. */
export type SqlText = string | Readonly<Record<Dialect, string>>;

/**
 * Values by name. An instant is a `Date`. An object becomes JSON; an array becomes an array on PostgreSQL
 * (`= ANY(:ids)`) and JSON on SQLite (`IN (SELECT value FROM json_each(:ids))`), unless the text says `IN (:...ids)`.
 */
export type SqlParameters = Readonly<Record<string, unknown>>;

/** Columns whose values the two drivers hand out differently, and what they shall be. */
export type ColumnTypes<Row> = {
  readonly [Column in keyof Row]?: 'instant' | 'boolean' | 'integer' | 'json';
};

/** A statement as a driver takes it, with a name where it is to be kept prepared. */
export interface Statement {
  readonly text: string;
  readonly name?: string | undefined;
}

export interface StatementResult {
  readonly rows: Record<string, unknown>[];
  /** Rows written, or returned where the statement returns rows. */
  readonly affected: number;
}

/** A connection, or what finds one: the drivers and their query runners. What needs no waiting is answered at once. */
export interface StatementRunner {
  execute(statement: Statement, values: readonly unknown[]): MaybePromise<StatementResult>;
}

/** The rows of a query on a runner of TypeORM's, whose own result is not typed. */
export async function queryRows<Row>(
  runner: QueryRunner,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  return (await runner.query(sql, [...values])) as Row[];
}

/** A query that is prepared once a connection, for the hot routes. Made by `prepare`. */
export class PreparedQuery<Row> {
  private readonly binders: Partial<Record<Dialect, Binder>> = {};

  constructor(
    readonly name: string,
    readonly sql: SqlText,
    readonly types: ColumnTypes<Row>,
  ) {}

  /** The statement and its values in order. */
  bound(dialect: Dialect, parameters: SqlParameters): [Statement, unknown[]] {
    const bind = (this.binders[dialect] ??= binderOf(textFor(this.sql, dialect), dialect, this.name));
    return bind(parameters);
  }
}

/**
 * Declares a query of a hot route, once, at the top of a module. Name each column (no `*`): PostgreSQL refuses a
 * prepared statement whose result changed its shape.
 * @param name unique in the program; PostgreSQL keeps the statement under it
 * @param sql with parameters `:name`
 * @param types the columns that need converting, so that rows look the same on both databases
 */
export function prepare<Row>(name: string, sql: SqlText, types: ColumnTypes<Row> = {}): PreparedQuery<Row> {
  return new PreparedQuery(name, sql, types);
}

/** The text for one of the databases. */
export function textFor(sql: SqlText, dialect: Dialect): string {
  return typeof sql === 'string' ? sql : sql[dialect];
}

interface NamedParameter {
  readonly name: string;
  /** `:...ids`: as many placeholders as the list has values. */
  readonly list: boolean;
}

/** Text and parameters in turn. */
export type ParsedSql = readonly (string | NamedParameter)[];

// Strings, quoted names, comments, dollar quotes and casts are passed over; what remains of `:name` is a parameter.
const tokens =
  /\bE'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*"|--[^\n]*|\/\*[\s\S]*?\*\/|(\$\w*\$)[\s\S]*?\1|::|:(\.\.\.)?([A-Za-z_]\w*)/gi;

/** Finds the named parameters of a text. */
export function parseSql(sql: string): ParsedSql {
  const parts: (string | NamedParameter)[] = [];
  let from = 0;
  for (const match of sql.matchAll(tokens)) {
    const name = match[3];
    if (name === undefined) continue;
    parts.push(sql.slice(from, match.index), { name, list: match[2] !== undefined });
    from = match.index + match[0].length;
  }
  return [...parts, sql.slice(from)];
}

/** Makes the statement and its values in their order. @throws Error as `render` */
export type Binder = (parameters: SqlParameters) => [Statement, unknown[]];

/**
 * Parses a text once and for all. Only lists change a text: one without them stays the same string, by which its
 * prepared statement is found fast.
 */
export function binderOf(sql: string, dialect: Dialect, name?: string): Binder {
  const parsed = parseSql(sql);
  const named = parsed.filter((part) => typeof part !== 'string');
  if (named.some(({ list }) => list)) {
    return (parameters) => {
      const { text, values } = render(parsed, dialect, parameters);
      return [{ text, name }, values];
    };
  }
  const all = named.map((parameter) => parameter.name);
  const names = dialect === 'sqlite' ? all : [...new Set(all)];
  const unbound = Object.fromEntries(names.map((one) => [one, null]));
  const statement = { text: render(parsed, dialect, unbound).text, name };
  return (parameters) => [statement, names.map((one) => bindValue(given(parameters, one), dialect))];
}

function given(parameters: SqlParameters, name: string): unknown {
  const value = parameters[name];
  if (value === undefined && !(name in parameters)) throw new Error(`SQL parameter :${name} is not given`);
  return value;
}

/**
 * The text with the dialect's placeholders, and the values in their order.
 * @throws Error where a parameter is not given, or a list is empty
 */
export function render(
  parsed: ParsedSql,
  dialect: Dialect,
  parameters: SqlParameters,
): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const positions = new Map<string, string>();
  const placeholder = (value: unknown): string => {
    values.push(bindValue(value, dialect));
    return dialect === 'postgres' ? `$${values.length}` : '?';
  };
  const once = (name: string): string => {
    const value = parameters[name];
    if (dialect === 'sqlite') return placeholder(value);
    const known = positions.get(name) ?? placeholder(value);
    positions.set(name, known);
    return known;
  };
  let text = '';
  for (const part of parsed) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    const value = given(parameters, part.name);
    if (!part.list) text += once(part.name);
    else if (Array.isArray(value) && value.length > 0) text += value.map(placeholder).join(', ');
    else throw new Error(`SQL parameter :...${part.name} must be a list with at least one value`);
  }
  return { text, values };
}

/** A value as the driver takes it. */
export function bindValue(value: unknown, dialect: Dialect): unknown {
  if (value === undefined || value === null) return null;
  if (value instanceof Date) return dialect === 'sqlite' ? toSqliteInstant(value) : value.toISOString();
  if (typeof value === 'boolean') return dialect === 'sqlite' ? Number(value) : value;
  if (typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  return Array.isArray(value) && dialect === 'postgres' ? value : JSON.stringify(value);
}

/** Makes the declared columns of the driver's rows what they were declared to be, in place. */
export function convertRows<Row>(
  rows: Record<string, unknown>[],
  types: ColumnTypes<Row>,
  dialect: Dialect,
): Row[] {
  for (const [column, type] of Object.entries<keyof typeof converters | undefined>(types)) {
    if (!type) continue;
    for (const row of rows) {
      const value = row[column];
      if (value !== null && value !== undefined) row[column] = converters[type](value, dialect);
    }
  }
  return rows as Row[];
}

const converters = {
  instant: (value: unknown) => (typeof value === 'string' ? fromSqliteInstant(value) : value),
  boolean: (value: unknown) => (typeof value === 'number' ? value !== 0 : value),
  integer: Number,
  json: (value: unknown, dialect: Dialect): unknown =>
    dialect === 'sqlite' && typeof value === 'string' ? JSON.parse(value) : value,
};
