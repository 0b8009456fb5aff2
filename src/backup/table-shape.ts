import { RefusedError } from './errors.js';

/** What a column means, on either database. */
export type ColumnKind = 'text' | 'integer' | 'boolean' | 'instant' | 'json';

export interface ColumnShape {
  readonly name: string;
  readonly kind: ColumnKind;
}

/** A table as both databases know it. */
export interface TableShape {
  readonly name: string;
  readonly columns: readonly ColumnShape[];
}

/** A column as one database declares it, and the tables that its table refers to. */
export interface CatalogueColumn {
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

export interface Reference {
  readonly table: string;
  readonly parent: string;
}

/** Types as SQLite and PostgreSQL write them in their catalogues. */
const kinds: readonly (readonly [RegExp, ColumnKind | undefined])[] = [
  [/^(uuid|text|varchar|character varying)\b/i, 'text'],
  [/^(integer|bigint)$/i, 'integer'],
  [/^boolean$/i, 'boolean'],
  [/^(datetime|timestamp with time zone)$/i, 'instant'],
  [/^json$/i, 'json'],
  // Search data, which triggers derive from the row.
  [/^tsvector$/i, undefined],
];

/**
 * The tables of a catalogue, those before that others refer to.
 * @throws RefusedError where a column has a type that the two databases do not share
 */
export function tableShapes(
  columns: readonly CatalogueColumn[],
  references: readonly Reference[],
): TableShape[] {
  const tables = new Map<string, ColumnShape[]>();
  for (const { table, column, type } of columns) {
    const known = kinds.find(([pattern]) => pattern.test(type));
    if (!known)
      throw new RefusedError(
        `${table}.${column} has the type ${type}, which only one of the databases knows.`,
      );
    const shape = tables.get(table) ?? [];
    if (known[1]) shape.push({ name: column, kind: known[1] });
    tables.set(table, shape);
  }
  return inReferenceOrder([...tables.keys()].sort(), references).map((name) => ({
    name,
    columns: tables.get(name) ?? [],
  }));
}

/** @throws RefusedError where tables refer to each other in a circle */
function inReferenceOrder(names: readonly string[], references: readonly Reference[]): string[] {
  const ordered: string[] = [];
  let waiting = [...names];
  while (waiting.length > 0) {
    const blocked = new Set(
      references
        .filter(({ table, parent }) => table !== parent && waiting.includes(parent))
        .map(({ table }) => table),
    );
    const free = waiting.filter((name) => !blocked.has(name));
    if (free.length === 0) throw new RefusedError(`${waiting.join(', ')} refer to each other in a circle.`);
    ordered.push(...free);
    waiting = waiting.filter((name) => blocked.has(name));
  }
  return ordered;
}

/**
 * Makes sure that rows of `source` fit into `target`.
 * @throws RefusedError naming the first table or column that is only on one side, or means something else there
 */
export function assertSameShapes(source: readonly TableShape[], target: readonly TableShape[]): void {
  for (const { name, columns } of source) {
    const other = target.find((table) => table.name === name);
    if (!other) throw new RefusedError(`The target has no table ${name}.`);
    const described = (shape: readonly ColumnShape[]) =>
      shape.map((column) => `${column.name} ${column.kind}`);
    const [here, there] = [described(columns), described(other.columns)];
    const [stray] = [...here, ...there].filter((text) => here.includes(text) !== there.includes(text));
    if (stray) throw new RefusedError(`The two databases differ in ${name}.${stray}.`);
  }
}

/** Makes a SQLite table that takes the rows of another, and knows nothing else of it. */
export function bareTable({ name, columns }: TableShape): string {
  const types = { text: 'text', integer: 'integer', boolean: 'boolean', instant: 'datetime', json: 'json' };
  return `CREATE TABLE "${name}" (${columns.map((column) => `"${column.name}" ${types[column.kind]}`).join(', ')})`;
}

/** The columns of a table for a statement. */
export function columnList({ columns }: TableShape): string {
  return columns.map(({ name }) => `"${name}"`).join(', ');
}
