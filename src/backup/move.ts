import { resolve } from 'node:path';
import type { DatabaseSettings } from '../database/database-settings.js';
import { describeDatabase, type DatabaseUrl } from '../database/database-url.js';
import { copyRows, rowsIn, type Progress } from './copy-rows.js';
import { RefusedError } from './errors.js';
import { withStore } from './open-store.js';
import { assertNotServed, holdingFiles, withSide, type Side } from './side.js';
import { batchesOf, type Store } from './store.js';
import { assertSameShapes } from './table-shape.js';
import type { Tallies } from './tally.js';

/**
 * Copies every row of one database into another that is empty, each in one transaction. The source is only read, and
 * nobody writes to it meanwhile. Counts and digests of every table are compared before the target keeps anything.
 * @returns rows and digest by table
 * @throws RefusedError where a server runs on either, migrations differ, or the target has rows ·
 *   DatabaseFileInUseError · DatabaseFaultError · UnfitValueError · RowsDifferError; then the target is as it was
 */
export async function moveDatabase(
  from: DatabaseSettings,
  to: DatabaseSettings,
  progress?: Progress,
): Promise<Tallies> {
  if (placeOf(from.url) === placeOf(to.url)) throw new RefusedError('Both sides are the same database.');
  return withSide(from, (source) =>
    withSide(to, (target) =>
      holdingFiles([from, to], async () => {
        for (const side of [source, target]) {
          assertCurrent(side);
          await assertNotServed(side);
        }
        return withStore(source.dataSource, 'frozen', (read) =>
          withStore(target.dataSource, 'fill', async (written) => {
            assertSameShapes(read.tables, written.tables);
            await assertEmpty(written, to.url);
            const rows = await rowsIn(read);
            return copyRows(batchesOf(read, read.tables), read.tables, written, { rows, progress });
          }),
        );
      }),
    ),
  );
}

/** @throws RefusedError naming tables that have rows; what the migrations themselves keep is no row of the product */
export async function assertEmpty(
  store: Store,
  url: DatabaseUrl,
  hint = 'Give an empty one.',
): Promise<void> {
  const filled: string[] = [];
  for (const { name } of store.tables) if ((await store.count(name)) > 0) filled.push(name);
  if (filled.length > 0)
    throw new RefusedError(
      `There are rows already in ${describeDatabase(url)}: ${filled.join(', ')}. ${hint}`,
    );
}

function assertCurrent({ settings: { url }, status: { applied, pending, ahead } }: Side): void {
  const database = describeDatabase(url);
  if (ahead.length > 0)
    throw new RefusedError(`A newer release migrated ${database} (${ahead.join(', ')}): move with that one.`);
  if (pending.length > 0)
    throw new RefusedError(
      `${applied.length === 0 ? 'No' : 'Not every'} migration is applied to ${database}. Run \`ecatalog migrate up\` with its DATABASE_URL first.`,
    );
}

function placeOf(url: DatabaseUrl): string {
  return url.kind === 'sqlite' ? resolve(url.path) : `${url.host}:${url.port}/${url.database}`;
}
