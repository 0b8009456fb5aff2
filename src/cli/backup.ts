import { resolve } from 'node:path';
import { listBackups, pruneBackups } from '../backup/backup-files.js';
import { createBackup } from '../backup/create.js';
import { rowsOfAll } from '../backup/materialise.js';
import { restoreBackup, verifyBackup } from '../backup/restore.js';
import { Clock } from '../common/clock.js';
import { readConfig } from '../config/read-config.js';
import { describeDatabase } from '../database/database-url.js';
import type { Manifest } from '../backup/archive.js';
import type { Output } from './output.js';

/** Backs the database up, beside its server. */
export async function createBackupFile(
  output: Output,
  { to, portable = false }: { to?: string; portable?: boolean },
): Promise<void> {
  const config = readConfig('command');
  process.umask(0o077);
  const bar = output.progressBar();
  const { file, bytes, manifest } = await createBackup(config.migrationDatabase, {
    folder: to ?? config.backup.folder,
    portable,
    clock: new Clock(),
    progress: bar.move,
    say: (line) => output.progress(line),
  }).finally(bar.stop);
  output.result(
    { file: resolve(file), bytes, ...facts(manifest) },
    `${file}\n${described(manifest, bytes)}. Restored into a scratch file and compared: every count and digest is the same.`,
  );
}

/** Lists the backups of the folder, the newest first; their content is not read. */
export async function listBackupFiles(output: Output): Promise<void> {
  const { folder } = readConfig('command').backup;
  const files = await listBackups(folder);
  output.result(
    files.map(({ name, bytes, manifest, damage }) => ({
      name,
      bytes,
      ...(manifest ? facts(manifest) : { damage }),
    })),
    files.length === 0
      ? `There is no backup in ${folder}.`
      : files
          .map(({ name, bytes, manifest, damage }) =>
            manifest ? `${name}  ${described(manifest, bytes)}` : `${name}  DAMAGED: ${damage}`,
          )
          .join('\n'),
  );
}

/** Restores a backup into a scratch file and compares every table with what it says. */
export async function verifyBackupFile(output: Output, file: string): Promise<void> {
  readConfig('command');
  process.umask(0o077);
  const bar = output.progressBar();
  const { manifest, newer } = await verifyBackup(file, bar.move).finally(bar.stop);
  const lines = [
    `${file} is whole: ${described(manifest)}.`,
    ...(newer.length > 0 && manifest.kind !== 'sqlite'
      ? [
          `Its schema is a newer release's (${newer.join(', ')}): every count and digest was compared, what rows refer to only that release can check.`,
        ]
      : []),
  ];
  output.result({ valid: true, ...facts(manifest), newer }, lines.join('\n'));
}

/** Removes the backups that no rule keeps. */
export async function pruneBackupFiles(
  output: Output,
  { dryRun = false }: { dryRun?: boolean },
): Promise<void> {
  const { folder, keep } = readConfig('command').backup;
  const { removed, kept, damaged } = await pruneBackups(folder, keep, dryRun);
  const lines = [
    ...removed.map((name) => `  ${dryRun ? 'would remove' : 'removed'}  ${name}`),
    ...Object.entries(kept).map(([name, reasons]) => `  kept  ${name}  (${reasons.join(', ')})`),
    ...damaged.map((name) => `  DAMAGED, left for you to look at  ${name}`),
  ];
  output.result({ removed, kept, damaged, dryRun }, lines.join('\n') || `There is no backup in ${folder}.`);
}

/** Puts a backup into the database of DATABASE_URL: all of it, or nothing. */
export async function restoreBackupFile(
  output: Output,
  file: string,
  { replace = false }: { replace?: boolean },
): Promise<void> {
  const { migrationDatabase } = readConfig('command');
  process.umask(0o077);
  const bar = output.progressBar();
  const { manifest, kept, pending, newer } = await restoreBackup(file, migrationDatabase, {
    replace,
    clock: new Clock(),
    progress: bar.move,
  }).finally(bar.stop);
  const lines = [
    `Restored into ${describeDatabase(migrationDatabase.url)}: ${described(manifest)}.`,
    ...(kept === undefined
      ? []
      : [`What was there is kept as ${kept}: remove it when you no longer need it.`]),
    ...(pending.length > 0 ? ['It is of an earlier release: run `ecatalog migrate up`.'] : []),
    ...(newer.length > 0
      ? [`Its schema is a newer release's (${newer.join(', ')}); this one serves on it.`]
      : []),
  ];
  output.result(
    { ...facts(manifest), pending, newer, ...(kept !== undefined && { kept }) },
    lines.join('\n'),
  );
}

/** What a manifest says, for a machine. */
function facts({ kind, appVersion, createdAt, migrations, tallies }: Manifest): object {
  const migration = migrations.at(-1)?.name ?? null;
  return { kind, appVersion, createdAt, migration, rows: rowsOfAll(tallies), tables: tallies };
}

function described({ kind, createdAt, migrations, tallies }: Manifest, bytes?: number): string {
  const size = bytes === undefined ? '' : `${(bytes / 2 ** 20).toFixed(1)} MiB, `;
  return `${kind}, ${size}${rowsOfAll(tallies)} rows as of ${createdAt}, schema ${migrations.at(-1)?.name}`;
}
