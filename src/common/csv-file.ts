import { setImmediate as nextTurn } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import { parseJson } from './json.js';
import { type FieldError, Problem } from './problem.js';
import { RequestPipe } from './request.pipe.js';

/** How many rows are checked before others get a turn. */
const ROWS_A_TURN = 50;
const CHUNK = 16 * 1024;
/** Of a file that is no such file at all, 5 MB can be millions of bad lines: more help nobody, and hold everybody up. */
const MAX_ERRORS = 10_000;

/** What a file's columns are: fields of a class that its rows are validated as. */
export interface CsvShape<T extends object> {
  type: new () => T;
  columns: readonly (keyof T & string)[];
  required: readonly (keyof T & string)[];
  /** Columns that are no text. */
  cells?: Partial<Record<keyof T & string, 'number' | 'json' | 'list'>>;
}

/** A row that is valid by itself, and the line of the file on which it begins. */
export interface CsvRow<T> {
  line: number;
  value: T;
}

/** How far a long import has come. */
export type Progress = (what: string, done: number, total: number) => void;

/** What is wrong with a file, line by line; of very much, the first that is found. */
export class LineErrors {
  private readonly errors: Required<FieldError>[] = [];

  /** Whether no more is noted. */
  get isFull(): boolean {
    return this.errors.length >= MAX_ERRORS;
  }

  add(line: number, field: string, message: string): void {
    if (!this.isFull) this.errors.push({ field, message, line });
  }

  /** Runs a check of one row; the fields that it refuses are noted. */
  async check<T>(line: number, work: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Problem) || !error.errors) throw error;
      for (const { field, message } of error.errors) this.add(line, field, message);
      return undefined;
    }
  }

  /** @throws Problem `validation` with every bad line, in the order of the file, where there is one */
  assertNone(): void {
    const { errors } = this;
    if (errors.length === 0) return;
    errors.sort((one, other) => one.line - other.line);
    const lines = new Set(errors.map(({ line }) => line)).size;
    const [{ line, field, message }] = errors as [Required<FieldError>];
    throw new Problem(
      'validation',
      `${lines} bad ${lines === 1 ? 'line' : 'lines'}${this.isFull ? ' or more' : ''}, nothing was changed; line ${line}: ${field}: ${message}`.slice(
        0,
        1000,
      ),
      { errors },
    );
  }
}

/**
 * Reads a CSV file (RFC 4180, UTF-8 with or without its mark) whose first line names the columns. An empty cell is a
 * field that is not given; an empty line is passed over.
 * @param errors takes what is wrong with a row; the other rows are returned
 * @throws Problem `validation` where the file as a whole cannot be read: no UTF-8, no such columns
 */
export async function readCsv<T extends object>(
  file: Buffer,
  shape: CsvShape<T>,
  errors: LineErrors,
  progress?: Progress,
): Promise<CsvRow<T>[]> {
  const text = decode(file, errors);
  const lines = progress ? text.split('\n').length : 0;
  const pipe = new RequestPipe();
  const rows: CsvRow<T>[] = [];
  let names: string[] | undefined;
  let read = 0;
  for await (const record of parseRecords(text, errors)) {
    if (!names) {
      names = columnsOf(record, shape);
      continue;
    }
    const { line, cells } = record;
    if (read++ % ROWS_A_TURN === 0) {
      progress?.('Checking', line, lines);
      await nextTurn();
    }
    if (errors.isFull) break;
    if (cells.length !== names.length) {
      errors.add(line, 'row', `has ${cells.length} cells where the header has ${names.length}`);
      continue;
    }
    const columns = names;
    const value = await errors.check(line, () =>
      pipe.transform(fieldsOf(cells, columns, shape), { type: 'body', metatype: shape.type }),
    );
    if (value) rows.push({ line, value: value as T });
  }
  if (!names) columnsOf(undefined, shape);
  progress?.('Checking', lines, lines);
  return rows;
}

interface CsvRecord {
  line: number;
  cells: string[];
}

/** @throws Problem naming each line that is no UTF-8 */
function decode(file: Buffer, errors: LineErrors): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(file).replace(/\r\n?/g, '\n');
  } catch {
    const utf8 = new TextDecoder('utf-8', { fatal: true });
    // No character of UTF-8 but the line feed itself holds its byte.
    for (let line = 1, start = 0; start <= file.length && !errors.isFull; line += 1) {
      const end = file.indexOf(10, start);
      const bytes = file.subarray(start, end < 0 ? file.length : end);
      try {
        utf8.decode(bytes);
      } catch {
        errors.add(line, 'row', 'is not UTF-8');
      }
      start = (end < 0 ? file.length : end) + 1;
    }
    errors.assertNone();
    throw new Problem('validation', 'The file is not UTF-8.');
  }
}

/** Yields the rows, the header first; after the last it notes what ended the reading, if anything did. */
async function* parseRecords(text: string, errors: LineErrors): AsyncGenerator<CsvRecord, void, undefined> {
  const parser = parse({
    info: true,
    record_delimiter: '\n',
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_empty_values: true,
    skip_records_with_error: true,
  });
  let fault: CsvError | undefined;
  parser.on('skip', (error: CsvError) => (fault ??= error));
  let end = 0;
  for await (const parsed of Readable.from(chunksOf(Buffer.from(text))).pipe(parser)) {
    const { record, info } = parsed as { record: string[]; info: { lines: number } };
    const breaks = record.reduce((sum, cell) => sum + cell.split('\n').length - 1, 0);
    if (fault && info.lines >= lineOf(fault)) break;
    end = info.lines;
    yield { line: end - breaks, cells: record };
  }
  // Behind a stray quote nobody knows where a row ends: what follows is not judged.
  if (fault?.code === 'CSV_QUOTE_NOT_CLOSED') {
    errors.add(end + 1, 'row', 'begins a quote that is never closed; nothing was read from here on');
  } else if (fault) {
    const message =
      'has a quote where none may stand (in a quoted cell write ""); nothing was read from here on';
    errors.add(lineOf(fault), 'row', message);
  }
}

function lineOf(error: CsvError): number {
  return error.lines as number;
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += CHUNK) yield bytes.subarray(start, start + CHUNK);
}

/** @throws Problem where a column is unknown, missing or there twice */
function columnsOf<T extends object>(
  header: CsvRecord | undefined,
  { columns, required }: CsvShape<T>,
): string[] {
  const errors = new LineErrors();
  const { line, cells } = header ?? { line: 1, cells: [] };
  const names = cells.map((cell) => cell.trim());
  for (const [index, name] of names.entries()) {
    const shown = name.slice(0, 100);
    if (!(columns as readonly string[]).includes(name)) {
      errors.add(line, shown, `is no column here; there are ${columns.join(', ')}, separated by commas`);
    } else if (names.indexOf(name) < index) errors.add(line, shown, 'is there twice');
  }
  for (const name of required)
    if (!names.includes(name)) errors.add(line, name, 'is missing from the header');
  errors.assertNone();
  return names;
}

function fieldsOf<T extends object>(
  cells: string[],
  names: string[],
  { cells: kinds }: CsvShape<T>,
): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [index, name] of names.entries()) {
    const cell = cells[index] ?? '';
    if (cell.trim() !== '') fields[name] = readCell(cell, name, kinds?.[name as keyof T & string]);
  }
  return fields;
}

function readCell(cell: string, name: string, kind: 'number' | 'json' | 'list' | undefined): unknown {
  switch (kind) {
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(cell.trim()) ? Number(cell) : cell;
    case 'json':
      return parseJson(cell, name);
    case 'list':
      return cell
        .split(';')
        .map((part) => part.trim())
        .filter(Boolean);
    case undefined:
      return cell;
  }
}
