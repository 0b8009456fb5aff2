import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { MigrationInterface } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import type { Dialect } from './sql.js';

/** Everything in a schema that can drift: what it is and is called, and how it is defined. */
export type Fingerprint = Readonly<Record<string, string>>;

/** A migration of ours: one class for both databases. */
export interface Migration extends MigrationInterface {
  /** Why `down` can't bring the old data back; such a migration is never undone. */
  readonly irreversible?: string;
}

export type MigrationClass = new () => Migration;

/** What the migrator and the drift check hold a database against. */
export interface ReleasedSchema {
  readonly migrations: readonly MigrationClass[];
  /** SHA-256 of each migration's source, by name: an applied one must not be edited. */
  readonly checksums: Readonly<Record<string, string>>;
  fingerprint(dialect: Dialect): Fingerprint;
}

/** The checksum of a migration's source, the same wherever it was checked out. */
export function sourceChecksum(source: string): string {
  return createHash('sha256').update(source.replaceAll('\r\n', '\n')).digest('hex');
}

/** The folder `migrations` of the package, where the checksums and fingerprints lie beside the sources. */
export function migrationsFolder(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, 'migrations');
    if (folder === dirname(folder)) throw new Error('The folder of the package is not found');
  }
}

let checksums: Readonly<Record<string, string>> | undefined;

/** The schema of this release. */
export const releasedSchema: ReleasedSchema = {
  migrations,
  get checksums() {
    return (checksums ??= readJson('checksums.json'));
  },
  fingerprint: (dialect) => readJson(`fingerprint.${dialect}.json`),
};

function readJson(file: string): Record<string, string> {
  const path = join(migrationsFolder(), file);
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
  } catch (error) {
    throw new Error(`${path} can't be read; \`npm run schema:fingerprint\` writes it`, { cause: error });
  }
}
