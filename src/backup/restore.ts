import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, link, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../common/clock.js';
import { databaseDefaults, type DatabaseSettings } from '../database/database-settings.js';
import { describeDatabase, type PostgresUrl } from '../database/database-url.js';
import { isSqliteBusy } from '../database/errors.js';
import { Migrator } from '../database/migrator.js';
import { releasedSchema } from '../database/released-schema.js';
import { Sqlite } from '../database/sqlite/sqlite.js';
import { readManifest, settleFile, type Manifest } from './archive.js';
import { copyRows, rowsIn, type Progress } from './copy-rows.js';
import { RefusedError, StorageError } from './errors.js';
import { materialise, newerMigrations, rowsOfAll } from './materialise.js';
import { assertEmpty } from './move.js';
import { withStore } from './open-store.js';
import { withScratch } from './scratch.js';
import { assertNotServed, holdingFiles, withSide, type Side } from './side.js';
import { SqliteStore } from './sqlite-store.js';
import { batchesOf, type Store } from './store.js';
import { assertSameShapes } from './table-shape.js';

export interface RestoreOptions {
  /** Puts the backup in the place of a database that has rows. */
  readonly replace: boolean;
  readonly clock: Clock;
  readonly progress?: Progress;
}

export interface RestoredBackup {
  readonly manifest: Manifest;
  /** Where the SQLite file is kept that was there before. */
  readonly kept?: string;
  /** Migrations of this release that the restored database lacks. */
  readonly pending: readonly string[];
  /** Migrations that this release does not know, and serves on all the same. */
  readonly newer: readonly string[];
}

/**
 * Restores a backup of any kind into either database. It is first restored into a scratch file and checked; then the
 * database has all of it or is as it was.
 * @throws DamagedBackupError · RowsDifferError · RefusedError where the target has rows and is not to be replaced, or
 *   is served · DatabaseFileInUseError · DatabaseFaultError
 */
export async function restoreBackup(
  backup: string,
  settings: DatabaseSettings,
  options: RestoreOptions,
): Promise<RestoredBackup> {
  const manifest = await readManifest(backup);
  const newer = newerMigrations(manifest);
  const { url } = settings;
  let kept: string | undefined;
  if (url.kind === 'postgres') await intoPostgres(backup, manifest, { ...settings, url }, options);
  else kept = await holdingFiles([settings], () => intoFile(backup, manifest, url.path, options));
  const names = manifest.migrations.map(({ name }) => name);
  const pending = Object.keys(releasedSchema.checksums).filter((name) => !names.includes(name));
  return { manifest, pending, newer, ...(kept !== undefined && { kept }) };
}

/**
 * Checks a backup as `restore` does, and leaves nothing.
 * @returns also the migrations that this release does not know: where it has the rows alone, the references between
 *   them were not checked
 */
export async function verifyBackup(
  backup: string,
  progress?: Progress,
): Promise<{ manifest: Manifest; newer: readonly string[] }> {
  const manifest = await readManifest(backup);
  await withScratch(
    dirname(backup),
    (scratch) => materialise(backup, manifest, join(scratch, 'restored.db'), progress),
    { anywhere: true },
  );
  return { manifest, newer: newerMigrations(manifest) };
}

async function intoFile(
  backup: string,
  manifest: Manifest,
  path: string,
  { replace, clock, progress }: RestoreOptions,
): Promise<string | undefined> {
  const newer = newerMigrations(manifest);
  if (manifest.kind !== 'sqlite' && newer.length > 0) throw needsNewer(manifest, newer);
  const there = existsSync(path);
  if (there && !replace) await assertFileEmpty(path);
  return withScratch(dirname(path), async (scratch) => {
    const restored = join(scratch, 'restored.db');
    await materialise(backup, manifest, restored, progress);
    // SQLite says nothing where it could not write its log back at the end.
    if (existsSync(`${restored}-wal`)) throw new StorageError(`There is no room for ${path}.`);
    const model = there ? path : dirname(path);
    await likeIts(model, restored, there);
    await likeIts(model, `${path}.lock`, there);
    const file = await open(restored, 'r+');
    await file.sync().finally(() => file.close());
    const kept = there
      ? await setAside(path, `${path}.replaced-${clock.now().toISOString().replace(/[-:.]/g, '')}`)
      : undefined;
    await settleFile(restored, path);
    return kept;
  });
}

/** @throws RefusedError where the file has rows, or can't be read */
async function assertFileEmpty(path: string): Promise<void> {
  const hint = 'Give --replace to put the backup in its place; the file is kept beside it.';
  const database = new Sqlite(path, { fileMustExist: true });
  try {
    await SqliteStore.use(database, 'snapshot', (store) =>
      assertEmpty(store, { kind: 'sqlite', path }, hint),
    );
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    throw new RefusedError(`${path} is damaged or no SQLite database. ${hint}`);
  } finally {
    database.close();
  }
}

/** The restored file belongs to whom the earlier one, or its folder, belongs: a server must be able to open it. */
async function likeIts(model: string, file: string, withMode: boolean): Promise<void> {
  const { uid, gid, mode } = await stat(model);
  if (withMode) await chmod(file, mode & 0o777);
  await chown(file, uid, gid).catch((error: unknown) => {
    if ((error as { code?: string }).code !== 'EPERM') throw error;
  });
}

/**
 * Gives the earlier file a second name. What stands in its WAL is first written back into it, or set aside with it
 * where it is damaged: another file must never meet that WAL.
 */
async function setAside(path: string, kept: string): Promise<string> {
  writeBack(path);
  if (existsSync(`${path}-wal`)) await rename(`${path}-wal`, `${kept}-wal`);
  await rm(`${path}-shm`, { force: true });
  await link(path, kept).catch(() => copyFile(path, kept));
  return kept;
}

function writeBack(path: string): void {
  let database: InstanceType<typeof Sqlite> | undefined;
  try {
    database = new Sqlite(path, { fileMustExist: true, timeout: 5_000 });
    database.pragma('journal_mode = DELETE');
  } catch (error) {
    if (isSqliteBusy(error)) throw new RefusedError(`Another program uses ${path}. End it first.`);
  } finally {
    database?.close();
  }
}

async function intoPostgres(
  backup: string,
  manifest: Manifest,
  settings: DatabaseSettings & { readonly url: PostgresUrl },
  { replace, progress }: RestoreOptions,
): Promise<void> {
  const hint = 'Give --replace to remove them and put the backup in their place.';
  const assertMayFill = async (store: Store): Promise<void> => {
    if (!replace) await assertEmpty(store, settings.url, hint);
  };
  const { tallies: expected, tables } = manifest;
  const rows = rowsOfAll(expected);
  await withSide(settings, async (side) => {
    assertMigratedAlike(manifest, side);
    await assertNotServed(side);
    await withStore(side.dataSource, 'snapshot', assertMayFill);
    const fill = async (read: Store, target: Store): Promise<void> => {
      await assertMayFill(target);
      assertSameShapes(tables, target.tables);
      if ((await rowsIn(target)) > 0) await target.clear();
      // Not the order of what is read, which may be bare tables.
      const ordered = target.tables.flatMap(({ name }) => tables.filter((table) => table.name === name));
      await copyRows(batchesOf(read, ordered), ordered, target, { rows, expected, progress });
    };
    const restore = async (scratch: string): Promise<void> => {
      const path = join(scratch, 'restored.db');
      await materialise(backup, manifest, path, progress);
      if (side.status.applied.length === 0)
        await new Migrator(side.dataSource).up(manifest.migrations.at(-1)?.name);
      await withSide({ ...databaseDefaults, url: { kind: 'sqlite', path } }, (restored) =>
        withStore(restored.dataSource, 'snapshot', (read) =>
          withStore(side.dataSource, 'fill', (target) => fill(read, target)),
        ),
      );
    };
    await withScratch(dirname(backup), restore, { anywhere: true });
  });
}

/** A database without any schema gets that of the backup; another must have the same. */
function assertMigratedAlike(manifest: Manifest, { settings, status }: Side): void {
  const there = [...status.applied, ...status.ahead];
  const newer = newerMigrations(manifest);
  const names = manifest.migrations.map(({ name }) => name);
  if (there.length === 0 && newer.length > 0) throw needsNewer(manifest, newer);
  if (there.length === 0 || there.join() === names.join()) return;
  throw new RefusedError(
    `The backup has the schema up to ${names.at(-1)}, ${describeDatabase(settings.url)} up to ${there.at(-1)}. Restore it into a new database (CREATE DATABASE).`,
  );
}

function needsNewer({ kind }: Manifest, newer: readonly string[]): RefusedError {
  return new RefusedError(
    `The schema of this backup is a newer release's (${newer.join(', ')}), which this one can't make, and a ${kind} backup brings rows only: restore it with that release, then serve with this one; or, on PostgreSQL, into a database that it has migrated.`,
  );
}
