import { RefusedError } from './errors.js';
import { linesOf } from './lines.js';
import { RowCodec } from './row-codec.js';
import type { Batch } from './store.js';
import { columnList, type TableShape } from './table-shape.js';

const columnName = /"?(\w+)"?/;
const header = /^COPY (?:"?\w+"?\.)?"?(\w+)"? \((.*)\) FROM stdin;$/;
const end = '\\.';

/** Rows as a script for `psql`: one COPY a table, as `pg_dump` writes them. */
export async function* sectionsOf(
  batches: AsyncIterable<Batch>,
  tables: readonly TableShape[],
): AsyncGenerator<string> {
  yield "SET client_encoding = 'UTF8';\nSET TimeZone = 'UTC';\n";
  let current: string | undefined;
  for await (const { table, lines } of batches) {
    if (table !== current) {
      if (current !== undefined) yield `${end}\n`;
      yield `\nCOPY "${table}" (${columnList(tables.find(({ name }) => name === table)!)}) FROM stdin;\n`;
      current = table;
    }
    yield `${lines.join('\n')}\n`;
  }
  if (current !== undefined) yield `${end}\n`;
}

/**
 * The rows in such a script, or in a plain one of `pg_dump`; what is not asked for is passed over.
 * @throws RefusedError where a table lacks a column
 */
export async function* rowsOf(
  script: AsyncIterable<Buffer>,
  tables: readonly TableShape[],
): AsyncGenerator<Batch> {
  let section: Section | undefined;
  for await (const lines of linesOf(script)) {
    let rows: string[] = [];
    for (const line of lines) {
      if (!section) section = sectionAt(line, tables);
      else if (line !== end) {
        if (section.wanted) rows.push(section.wanted.canonical(line));
      } else {
        if (section.wanted && rows.length > 0) yield { table: section.wanted.table, lines: rows };
        rows = [];
        section = undefined;
      }
    }
    if (section?.wanted && rows.length > 0) yield { table: section.wanted.table, lines: rows };
  }
}

/** Where a COPY is being read: of which table, and how its lines become canonical; neither where it is passed over. */
interface Section {
  readonly wanted?: { readonly table: string; readonly canonical: (line: string) => string };
}

function sectionAt(line: string, tables: readonly TableShape[]): Section | undefined {
  const [, name, list = ''] = header.exec(line) ?? [];
  if (name === undefined) return undefined;
  const table = tables.find((candidate) => candidate.name === name);
  if (!table) return {};
  const given = list.split(', ').map((column) => columnName.exec(column)?.[1]);
  const places = table.columns.map((column) => {
    const place = given.indexOf(column.name);
    if (place < 0) throw new RefusedError(`The rows of ${name} lack the column ${column.name}.`);
    return place;
  });
  const codec = new RowCodec(table);
  const inOrder = given.length === places.length && places.every((place, index) => place === index);
  const pick = (text: string) => {
    const fields = text.split('\t');
    return places.map((place) => fields[place]).join('\t');
  };
  return { wanted: { table: name, canonical: (text) => codec.fromPostgres(inOrder ? text : pick(text)) } };
}
