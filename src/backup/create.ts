import { createReadStream, readFileSync } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { DatabaseSettings } from '../database/database-settings.js';
import { describeDatabase } from '../database/database-url.js';
import { migrationsFolder } from '../database/released-schema.js';
import { settleFile, writeArchive, type Manifest } from './archive.js';
import { backupName } from './backup-files.js';
import { BackupRun, type BackupKind } from './backup-run.entity.js';
import { newTallies, resultsOf, rowsIn, tallied, tallyOf, type Progress } from './copy-rows.js';
import { RefusedError, StorageError } from './errors.js';
import { materialise } from './materialise.js';
import { withStore } from './open-store.js';
import { pgDump, pgDumpMajor } from './pg-dump.js';
import { PostgresStore } from './postgres-store.js';
import { withScratch } from './scratch.js';
import { sectionsOf } from './sections.js';
import { ask, withSide, type Side } from './side.js';
import { SqliteStore } from './sqlite-store.js';
import { batchesOf } from './store.js';

export interface CreateOptions {
  readonly folder: string;
  /** As rows that either database takes, without any outside program. */
  readonly portable: boolean;
  readonly clock: Clock;
  readonly progress?: Progress;
  /** Hears in words what is chosen and what can't be done. */
  readonly say: (line: string) => void;
}

export interface CreatedBackup {
  readonly file: string;
  readonly bytes: number;
  readonly manifest: Manifest;
}

/**
 * Backs a database up beside its server: one snapshot, which holds every write acknowledged before. The file gets its
 * name only once it was restored into a scratch file and every table's count and digest was found again. The run is
 * recorded in the database, also where it fails.
 * @throws RefusedError · DatabaseFaultError · PgDumpError · UnfitValueError · RowsDifferError, or the file system's
 *   own error; then no file remains
 */
export function createBackup(settings: DatabaseSettings, options: CreateOptions): Promise<CreatedBackup> {
  return withSide(settings, async (side) => {
    const startedAt = options.clock.now();
    const kind = await kindFor(side, options);
    const run = { id: newId(), kind, startedAt };
    try {
      const created = await create(side, kind, options);
      const { file, bytes } = created;
      await record(side, options, {
        ...run,
        finishedAt: options.clock.now(),
        result: 'ok',
        sizeBytes: bytes,
        fileName: file.slice(-255),
        detail: null,
      });
      return { ...created, file: join(options.folder, file) };
    } catch (error) {
      await record(side, options, {
        ...run,
        finishedAt: options.clock.now(),
        result: 'failed',
        sizeBytes: null,
        fileName: null,
        detail: (error as Error).message.slice(0, 1_000),
      });
      throw error;
    }
  });
}

/** `pg_dump` reads servers of its own version and older ones only; without it rows are read here. */
async function kindFor(side: Side, { portable, say }: CreateOptions): Promise<BackupKind> {
  if (portable) return 'portable';
  if (side.settings.url.kind === 'sqlite') return 'sqlite';
  const [server, client] = [await serverMajor(side), await pgDumpMajor()];
  if (client !== undefined && client >= server) return 'pg_dump';
  const why =
    client === undefined
      ? `There is no pg_dump on this machine`
      : `pg_dump ${client} is older than the server, which has version ${server}`;
  say(`${why}: the backup is made as with --portable.`);
  return 'portable';
}

async function create(
  side: Side,
  kind: BackupKind,
  { folder, clock, progress, say }: CreateOptions,
): Promise<CreatedBackup> {
  if (side.status.applied.length === 0)
    throw new RefusedError(`There is no schema in ${describeDatabase(side.settings.url)} to back up.`);
  if (side.status.ahead.length > 0)
    say(
      `A newer release migrated the database (${side.status.ahead.join(', ')}): its tables are backed up too.`,
    );
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new StorageError(`${folder} can't be made: ${(error as Error).message}`);
  });
  return withScratch(folder, async (scratch) => {
    const partial = join(scratch, 'backup');
    // Before the snapshot: whatever was acknowledged by then is in it.
    const createdAt = clock.now().toISOString();
    const manifest = await write[kind](side, partial, { scratch, createdAt, progress });
    await materialise(partial, manifest, join(scratch, 'restored.db'), progress);
    const file = backupName(new Date(manifest.createdAt), kind);
    await settleFile(partial, join(folder, file));
    return { file, manifest, bytes: (await stat(join(folder, file))).size };
  });
}

interface WriteContext {
  readonly scratch: string;
  readonly createdAt: string;
  readonly progress?: Progress;
}

type Described = Pick<Manifest, 'createdAt' | 'migrations' | 'tables' | 'tallies'>;

const write: Record<BackupKind, (side: Side, partial: string, context: WriteContext) => Promise<Manifest>> = {
  /** The file is copied within the snapshot, and compressed after it: meanwhile its WAL can be written back. */
  async sqlite(side, partial, { scratch, createdAt, progress }) {
    const copy = join(scratch, 'copy.db');
    const described = await withStore(side.dataSource, 'snapshot', async (store): Promise<Described> => {
      const { tables } = store;
      await (store as SqliteStore).copyTo(copy, (done, total) => progress?.('Copying pages', done, total));
      const rows = await rowsIn(store);
      const tallies = await tallyOf(store, tables, (done) => progress?.('Counting', done, rows));
      return { createdAt, migrations: await store.migrations(), tables, tallies };
    });
    const manifest = await writeArchive(partial, createReadStream(copy), () =>
      manifestOf('sqlite', described),
    );
    await rm(copy);
    return manifest;
  },

  pg_dump: (side, partial, { createdAt, progress }) =>
    withStore(side.dataSource, 'snapshot', async (store) => {
      const snapshot = await (store as PostgresStore).exportSnapshot();
      const { tables } = store;
      const rows = await rowsIn(store);
      const tallies = await tallyOf(store, tables, (done) => progress?.('Counting', done, rows));
      const { url } = side.settings;
      if (url.kind !== 'postgres') throw new RefusedError('pg_dump reads PostgreSQL alone.');
      const schema = await currentSchema(side);
      const migrations = await store.migrations();
      return writeArchive(partial, pgDump(url, snapshot, schema), () =>
        manifestOf('pg_dump', { createdAt, migrations, tables, tallies }),
      );
    }),

  portable: (side, partial, { createdAt, progress }) =>
    withStore(side.dataSource, 'snapshot', async (store) => {
      const { tables } = store;
      const rows = await rowsIn(store);
      const migrations = await store.migrations();
      const tallies = newTallies(tables);
      const batches = tallied(batchesOf(store, tables), tallies, (done) => progress?.('Copying', done, rows));
      return writeArchive(partial, sectionsOf(batches, tables), () =>
        manifestOf('portable', { createdAt, migrations, tables, tallies: resultsOf(tallies) }),
      );
    }),
};

function manifestOf(kind: BackupKind, described: Described): Omit<Manifest, 'payload'> {
  return { kind, appVersion: appVersion(), ...described };
}

/** A backup is not lost because its run can't be recorded, as where the table is not there yet. */
async function record({ dataSource }: Side, { say }: CreateOptions, run: BackupRun): Promise<void> {
  try {
    await dataSource.manager.insert(BackupRun, run);
  } catch (error) {
    say(`The run could not be recorded: ${(error as Error).message}`);
  }
}

async function serverMajor(side: Side): Promise<number> {
  const [row] = await ask<{ version: number }>(
    side.dataSource,
    `SELECT current_setting('server_version_num')::int / 10000 AS "version"`,
  );
  return row!.version;
}

async function currentSchema(side: Side): Promise<string> {
  const [row] = await ask<{ schema: string }>(side.dataSource, `SELECT current_schema() AS "schema"`);
  return row!.schema;
}

function appVersion(): string {
  const { version } = JSON.parse(readFileSync(join(migrationsFolder(), '../package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}
