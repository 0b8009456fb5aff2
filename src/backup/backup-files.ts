import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readManifest, type Manifest } from './archive.js';
import type { BackupKind } from './backup-run.entity.js';
import { keptBackups, type KeepRules } from './retention.rules.js';

/** A file in the folder of backups; without a manifest where it is damaged. */
export interface BackupFile {
  readonly name: string;
  readonly bytes: number;
  readonly manifest?: Manifest;
  readonly damage?: string;
}

const namePattern = /^ecatalog-\d{8}T\d{9}Z-\w+\.backup$/;

/** The name of a backup; names sort by the instant of the snapshot. */
export function backupName(createdAt: Date, kind: BackupKind): string {
  return `ecatalog-${createdAt.toISOString().replace(/[-:.]/g, '')}-${kind.replace('_', '')}.backup`;
}

/** The backups of a folder, the newest first. Files of other names are none. Content is not read: `verify` does. */
export async function listBackups(folder: string): Promise<BackupFile[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  });
  const files: BackupFile[] = [];
  for (const name of names
    .filter((candidate) => namePattern.test(candidate))
    .sort()
    .reverse()) {
    const path = join(folder, name);
    const { size: bytes } = await stat(path);
    files.push(
      await readManifest(path).then(
        (manifest) => ({ name, bytes, manifest }),
        (error: unknown) => ({ name, bytes, damage: (error as Error).message }),
      ),
    );
  }
  return files;
}

/**
 * Removes the backups that no rule keeps. One that is damaged keeps none of the others away and is itself left for a
 * person to look at; the newest whole one always stays.
 * @returns the names it removed, or would remove, and those that stay with the reasons
 */
export async function pruneBackups(
  folder: string,
  rules: KeepRules,
  dryRun: boolean,
): Promise<{ removed: string[]; kept: Record<string, string[]>; damaged: string[] }> {
  const files = await listBackups(folder);
  const whole = files.flatMap(({ name, manifest }) =>
    manifest ? [{ name, createdAt: new Date(manifest.createdAt) }] : [],
  );
  const kept = keptBackups(whole, rules);
  const removed = whole.map(({ name }) => name).filter((name) => !kept.has(name));
  if (!dryRun) for (const name of removed) await rm(join(folder, name), { force: true });
  return {
    removed,
    kept: Object.fromEntries(kept),
    damaged: files.filter(({ damage }) => damage !== undefined).map(({ name }) => name),
  };
}
