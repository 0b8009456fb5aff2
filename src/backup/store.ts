import type { Dialect } from '../database/sql.js';
import type { TableShape } from './table-shape.js';

/**
 * What a transaction is for: to read one snapshot while others write (`snapshot`) or while they can't (`frozen`), or
 * to fill the database (`fill`).
 */
export type StoreMode = 'snapshot' | 'frozen' | 'fill';

/** Takes the rows of one table. */
export interface RowWriter {
  write(lines: readonly string[]): Promise<void>;
  end(): Promise<void>;
}

/** A migration as the database recorded it, whichever release applied it. */
export interface AppliedMigration {
  readonly name: string;
  readonly checksum?: string;
}

/** The order in which they were applied. */
export const appliedSql = `SELECT "name", "checksum" FROM "migrations" ORDER BY "id"`;

/** The rows of a database, in one transaction. Lines are those of `RowCodec`. */
export interface Store {
  readonly dialect: Dialect;
  /** Every table that holds rows of the product, those first that others refer to. */
  readonly tables: readonly TableShape[];
  /** The migrations that the rows are of. */
  migrations(): Promise<AppliedMigration[]>;
  count(table: string): Promise<number>;
  read(table: TableShape): AsyncIterable<string[]>;
  insert(table: TableShape): RowWriter;
  /** Removes every row, whatever triggers say. */
  clear(): Promise<void>;
  /** Makes sure that the rows refer to rows that are there, and that generated numbers go on after the highest. */
  settle(): Promise<void>;
}

/** Some rows of one table. */
export interface Batch {
  readonly table: string;
  readonly lines: readonly string[];
}

/** Every row, table by table in the order given. */
export async function* batchesOf(store: Store, tables: readonly TableShape[]): AsyncGenerator<Batch> {
  for (const table of tables) for await (const lines of store.read(table)) yield { table: table.name, lines };
}
