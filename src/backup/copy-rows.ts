import { RowsDifferError } from './errors.js';
import { Tally, type Tallies } from './tally.js';
import type { TableShape } from './table-shape.js';
import { batchesOf, type Batch, type RowWriter, type Store } from './store.js';

/** Told how far it is, for a progress bar. */
export type Progress = (what: string, done: number, total: number) => void;

/** How many rows a store has in all. */
export async function rowsIn(store: Store, tables: readonly TableShape[] = store.tables): Promise<number> {
  let rows = 0;
  for (const { name } of tables) rows += await store.count(name);
  return rows;
}

/** Counts rows on their way; a table without any is in the tallies too. */
export async function* tallied(
  batches: AsyncIterable<Batch>,
  tallies: Map<string, Tally>,
  moved: (rows: number) => void = () => undefined,
): AsyncGenerator<Batch> {
  let rows = 0;
  for await (const batch of batches) {
    tallies.get(batch.table)!.add(batch.lines);
    moved((rows += batch.lines.length));
    yield batch;
  }
}

/** Empty tallies of some tables. */
export function newTallies(tables: readonly TableShape[]): Map<string, Tally> {
  return new Map(tables.map(({ name }) => [name, new Tally()]));
}

/** The counts and digests as they are now. */
export function resultsOf(tallies: ReadonlyMap<string, Tally>): Tallies {
  return Object.fromEntries([...tallies].map(([name, tally]) => [name, tally.result]));
}

/** Reads every row of a store, only to count it. */
export async function tallyOf(
  store: Store,
  tables: readonly TableShape[],
  moved?: (rows: number) => void,
): Promise<Tallies> {
  const tallies = newTallies(tables);
  const batches = tallied(batchesOf(store, tables), tallies, moved);
  while (!(await batches.next()).done);
  return resultsOf(tallies);
}

/**
 * Writes rows into a store that has none, and reads them back before its transaction ends.
 * @param expected the tallies to find, where they are known before
 * @throws RowsDifferError naming the first table that is not what it was
 */
export async function copyRows(
  batches: AsyncIterable<Batch>,
  tables: readonly TableShape[],
  target: Store,
  { rows, expected, progress }: { rows: number; expected?: Tallies; progress?: Progress },
): Promise<Tallies> {
  const tallies = newTallies(tables);
  const moving = tallied(batches, tallies, (done) => progress?.('Copying', done, rows));
  let writer: { readonly table: string; readonly rows: RowWriter } | undefined;
  for await (const { table, lines } of moving) {
    if (writer?.table !== table) {
      await writer?.rows.end();
      writer = { table, rows: target.insert(tables.find(({ name }) => name === table)!) };
    }
    await writer.rows.write(lines);
  }
  await writer?.rows.end();
  await target.settle();
  const read = resultsOf(tallies);
  if (expected) assertSame(expected, read, 'The backup does not hold what it says');
  const written = await tallyOf(target, tables, (done) => progress?.('Comparing', done, rows));
  assertSame(read, written, 'What was written is not what was read');
  return written;
}

/** @throws RowsDifferError naming the first table that differs */
export function assertSame(expected: Tallies, found: Tallies, what: string): void {
  for (const [table, { rows, digest }] of Object.entries(expected)) {
    const other = found[table];
    if (other?.rows === rows && other.digest === digest) continue;
    const counts = other?.rows === rows ? 'other values' : `${other?.rows ?? 0} rows in place of ${rows}`;
    throw new RowsDifferError(`${what}: ${table} has ${counts}. Nothing was kept.`);
  }
}
