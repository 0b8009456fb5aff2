import { hash, createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { BackupKind } from './backup-run.entity.js';
import { DamagedBackupError, RefusedError } from './errors.js';
import type { AppliedMigration } from './store.js';
import type { TableShape } from './table-shape.js';
import type { Tallies } from './tally.js';

/**
 * A backup is one file: a header of 64 KiB, then the compressed content. The header's first line has its own SHA-256,
 * the second is the manifest as JSON, padded. So `head -n 2 FILE` shows what is in it, and
 * `tail -c +65537 FILE | gunzip` gives the SQLite file or the SQL of it to whoever has no `ecatalog` at hand.
 */
const HEADER_BYTES = 65_536;
const MAGIC = 'ECATALOG-BACKUP 1 ';

/** What a backup says about itself. */
export interface Manifest {
  readonly kind: BackupKind;
  readonly appVersion: string;
  /** The instant of its snapshot: every write acknowledged before is in it. */
  readonly createdAt: string;
  /** The migrations that its database had, in order; those of a newer release than the one that made it, too. */
  readonly migrations: readonly AppliedMigration[];
  readonly tables: readonly TableShape[];
  readonly tallies: Tallies;
  readonly payload: { readonly bytes: number; readonly sha256: string };
}

/** Passes bytes on, and counts and hashes them. */
class Meter extends Transform {
  bytes = 0;
  private readonly sum = createHash('sha256');

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.bytes += chunk.length;
    this.sum.update(chunk);
    done(null, chunk);
  }

  get payload(): Manifest['payload'] {
    return { bytes: this.bytes, sha256: this.sum.copy().digest('hex') };
  }
}

/**
 * Writes a backup to a file that is not there yet, readable by its owner alone. It is whole on the disk before this
 * returns; where it throws, the file is gone.
 * @param describe makes the manifest, after the content was written
 */
export async function writeArchive(
  path: string,
  content: AsyncIterable<Uint8Array | string>,
  describe: () => Omit<Manifest, 'payload'>,
): Promise<Manifest> {
  try {
    const meter = new Meter();
    const sink = createWriteStream(path, { flags: 'wx', mode: 0o600, start: HEADER_BYTES });
    await pipeline(content, createGzip({ level: 4 }), meter, sink);
    const manifest: Manifest = { ...describe(), payload: meter.payload };
    const file = await open(path, 'r+');
    await writeHeader(file, manifest)
      .then(() => file.sync())
      .finally(() => file.close());
    return manifest;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

async function writeHeader(file: FileHandle, manifest: Manifest): Promise<void> {
  const hashed = HEADER_BYTES - headerStart;
  const text = `${JSON.stringify(manifest)} `.padEnd(hashed - 1);
  const rest = Buffer.from(`${text}\n`);
  if (rest.length !== hashed) throw new RefusedError('The manifest does not fit into the header.');
  const header = Buffer.concat([Buffer.from(`${MAGIC}${hash('sha256', rest)}\n`), rest]);
  await file.write(header, 0, header.length, 0);
}

const headerStart = MAGIC.length + 64 + 1;

/** Gives a file its name, so that it stays there through a power loss. */
export async function settleFile(from: string, to: string): Promise<void> {
  await rename(from, to);
  const folder = await open(dirname(to), 'r');
  await folder.sync().finally(() => folder.close());
}

/**
 * Reads the header of a backup and the size of its file; the content only `readContent` reads.
 * @throws DamagedBackupError
 */
export async function readManifest(path: string): Promise<Manifest> {
  const damaged = (why: string) => new DamagedBackupError(`${path} ${why}`);
  const file = await open(path, 'r').catch(() => {
    throw damaged("can't be read.");
  });
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0);
    const [, sum] =
      /^ECATALOG-BACKUP 1 ([0-9a-f]{64})\n/.exec(header.toString('latin1', 0, headerStart)) ?? [];
    if (sum === undefined) throw damaged('is no backup of the E-Catalog, or its beginning is damaged.');
    const rest = header.subarray(headerStart);
    if (bytesRead < HEADER_BYTES || hash('sha256', rest) !== sum) throw damaged('is damaged in its header.');
    const manifest = JSON.parse(rest.toString('utf8')) as Manifest;
    const missing = HEADER_BYTES + manifest.payload.bytes - (await stat(path)).size;
    if (missing > 0) throw damaged(`is cut short: ${missing} bytes are missing.`);
    if (missing < 0) throw damaged(`has ${-missing} bytes too many.`);
    return manifest;
  } finally {
    await file.close();
  }
}

/**
 * Reads the content of a backup, decompressed, once its hash was found to be right.
 * @throws DamagedBackupError where it is not what was written; then `sink` has seen nothing
 */
export async function readContent(
  path: string,
  { payload }: Manifest,
  sink: (content: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const content = () => createReadStream(path, { start: HEADER_BYTES });
  const meter = new Meter();
  await pipeline(content(), meter, new Writable({ write: (_chunk, _encoding, done) => done() }));
  if (meter.bytes !== payload.bytes || meter.payload.sha256 !== payload.sha256)
    throw new DamagedBackupError(`${path} is damaged: its content is not what was written.`);
  await pipeline(content(), createGunzip(), sink);
}
