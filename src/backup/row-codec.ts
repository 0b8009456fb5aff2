import { fromSqliteInstant, toSqliteInstant } from '../database/instants.js';
import { UnfitValueError } from './errors.js';
import type { ColumnKind, TableShape } from './table-shape.js';

/** A value as better-sqlite3 takes it. */
type SqliteValue = string | number | null;

/**
 * Rows of one table as lines in the text format of PostgreSQL's COPY, the same line for the same row on both
 * databases: instants with milliseconds in UTC, booleans `t` and `f`, JSON as it was written.
 * https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
 */
export class RowCodec {
  private readonly instants: readonly number[];
  private readonly encoders: readonly ((value: unknown) => string | undefined)[];
  private readonly decoders: readonly ((field: string) => SqliteValue | undefined)[];

  constructor(private readonly table: TableShape) {
    const { columns } = table;
    this.instants = columns.flatMap(({ kind }, index) => (kind === 'instant' ? [index] : []));
    this.encoders = columns.map(({ kind }) => encoders[kind]);
    this.decoders = columns.map(({ kind }) => decoders[kind]);
  }

  /**
   * The line of a row that SQLite returned. SQLite keeps any value in any column: what does not mean what the column
   * says is refused.
   * @throws UnfitValueError naming the column
   */
  fromSqlite(row: readonly unknown[]): string {
    return row
      .map((value, index) => (value === null ? NULL : (this.encoders[index]!(value) ?? this.unfit(index))))
      .join('\t');
  }

  /**
   * The values of a line, for an INSERT into SQLite.
   * @throws UnfitValueError naming the column that SQLite could not give back as it is
   */
  toSqlite(line: string): SqliteValue[] {
    return this.fields(line).map((field, index) => {
      if (field === NULL) return null;
      return this.decoders[index]!(field) ?? this.unfit(index);
    });
  }

  /**
   * The line that PostgreSQL wrote, in a session whose time zone is UTC: it leaves out zeros of an instant.
   * @throws UnfitValueError naming the column, for an infinite instant or one before year 1
   */
  fromPostgres(line: string): string {
    if (this.instants.length === 0) return line;
    const fields = this.fields(line);
    for (const index of this.instants) {
      const field = fields[index]!;
      if (field === NULL) continue;
      const [, seconds, milliseconds = ''] = postgresInstant.exec(field) ?? [];
      if (seconds === undefined) this.unfit(index);
      fields[index] = `${seconds}.${milliseconds.padEnd(3, '0')}+00`;
    }
    return fields.join('\t');
  }

  private fields(line: string): string[] {
    const fields = line.split('\t');
    if (fields.length !== this.table.columns.length)
      throw new UnfitValueError(
        `A row of ${this.table.name} has ${fields.length} fields in place of ${this.table.columns.length}.`,
      );
    return fields;
  }

  private unfit(index: number): never {
    const { name, kind } = this.table.columns[index]!;
    throw new UnfitValueError(`${this.table.name}.${name} holds a value that is no ${kind}.`);
  }
}

const NULL = '\\N';
const postgresInstant = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,3}))?\+00$/;
const sqliteInstant = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/;

const encoders: Record<ColumnKind, (value: unknown) => string | undefined> = {
  // PostgreSQL's text holds no NUL.
  text: (value) => (typeof value === 'string' && !value.includes('\0') ? escaped(value) : undefined),
  integer: (value) => (Number.isSafeInteger(value) ? String(value) : undefined),
  boolean: (value) => (value === 1 ? 't' : value === 0 ? 'f' : undefined),
  instant: (value) => (typeof value === 'string' ? instant(value) : undefined),
  // SQLite keeps a JSON number in a column of type json as a number.
  json: (value) =>
    typeof value === 'number'
      ? JSON.stringify(value)
      : typeof value === 'string' && isJson(value)
        ? escaped(value)
        : undefined,
};

const decoders: Record<ColumnKind, (field: string) => SqliteValue | undefined> = {
  text: unescaped,
  integer: (field) => (Number.isSafeInteger(Number(field)) ? Number(field) : undefined),
  boolean: (field) => (field === 't' ? 1 : field === 'f' ? 0 : undefined),
  instant: (field) => field.slice(0, -'+00'.length),
  json: unescaped,
};

function instant(text: string): string | undefined {
  if (sqliteInstant.test(text)) return `${text}+00`;
  const date = fromSqliteInstant(text);
  return Number.isNaN(date.getTime()) ? undefined : instant(toSqliteInstant(date));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};
const characters = Object.fromEntries(Object.entries(escapes).map(([character, text]) => [text, character]));

function escaped(text: string): string {
  return text.replace(/[\\\b\f\n\r\t\v]/g, (character) => escapes[character]!);
}

function unescaped(field: string): string {
  return field.includes('\\') ? field.replace(/\\./g, (text) => characters[text] ?? text.slice(1)) : field;
}
