import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { databaseDefaults } from '../database/database-settings.js';
import { withMigrator } from '../database/migrator.js';
import { releasedSchema } from '../database/released-schema.js';
import { Sqlite } from '../database/sqlite/sqlite.js';
import { readContent, type Manifest } from './archive.js';
import { assertSame, copyRows, tallyOf, type Progress } from './copy-rows.js';
import { DamagedBackupError, RefusedError } from './errors.js';
import { withStore } from './open-store.js';
import { rowsOf } from './sections.js';
import { SqliteStore } from './sqlite-store.js';
import { assertSameShapes, bareTable } from './table-shape.js';
import type { Tallies } from './tally.js';

/**
 * Restores a backup of any kind into a new SQLite file and makes sure that it holds what it says: whole, every
 * reference met, count and digest of each table as they were in the database. Rows of a newer schema go into bare
 * tables: which of them refer to which, only the newer release knows.
 * @throws DamagedBackupError · RowsDifferError · RefusedError where one of its migrations is not the one known here
 */
export async function materialise(
  backup: string,
  manifest: Manifest,
  file: string,
  progress?: Progress,
): Promise<void> {
  if (manifest.kind === 'sqlite') await restoreFile(backup, manifest, file, progress);
  else await restoreRows(backup, manifest, file, progress);
}

async function restoreFile(
  backup: string,
  manifest: Manifest,
  file: string,
  progress?: Progress,
): Promise<void> {
  await readContent(backup, manifest, (content) =>
    pipeline(content, createWriteStream(file, { flags: 'wx', mode: 0o600 })),
  );
  const database = new Sqlite(file, { fileMustExist: true });
  try {
    if (database.pragma('integrity_check(1)', { simple: true }) !== 'ok')
      throw new DamagedBackupError(`${backup} holds a damaged SQLite file.`);
    await SqliteStore.use(database, 'snapshot', async (store) => {
      await store.settle();
      const rows = rowsOfAll(manifest.tallies);
      const found = await tallyOf(store, manifest.tables, (done) => progress?.('Comparing', done, rows));
      assertSame(manifest.tallies, found, 'The backup does not hold what it says');
    });
  } finally {
    database.close();
  }
}

async function restoreRows(
  backup: string,
  manifest: Manifest,
  file: string,
  progress?: Progress,
): Promise<void> {
  const { migrations, tables, tallies: expected } = manifest;
  const url = { kind: 'sqlite', path: file } as const;
  await withMigrator({ ...databaseDefaults, url, synchronous: 'NORMAL' }, async (migrator, dataSource) => {
    assertKnownAlike(backup, manifest);
    if (newerMigrations(manifest).length === 0) await migrator.up(migrations.at(-1)?.name);
    else for (const table of tables) await dataSource.query(bareTable(table));
    await withStore(dataSource, 'fill', async (store) => {
      assertSameShapes(tables, store.tables);
      const rows = rowsOfAll(expected);
      await readContent(backup, manifest, async (content) => {
        await copyRows(rowsOf(content, tables), tables, store, { rows, expected, progress });
      });
    });
  });
}

/** The migrations of a backup that this release does not know: a newer one applied them. */
export function newerMigrations({ migrations }: Manifest): string[] {
  return migrations.map(({ name }) => name).filter((name) => !(name in releasedSchema.checksums));
}

/** @throws RefusedError where a migration of the backup was another one under the same name */
function assertKnownAlike(backup: string, { migrations }: Manifest): void {
  for (const { name, checksum } of migrations)
    if (name in releasedSchema.checksums && checksum !== releasedSchema.checksums[name])
      throw new RefusedError(`${backup} has another ${name} than this release: use the one that made it.`);
}

/** All rows of some tallies. */
export function rowsOfAll(tallies: Tallies): number {
  return Object.values(tallies).reduce((sum, { rows }) => sum + rows, 0);
}
