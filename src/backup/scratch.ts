import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StorageError } from './errors.js';

/** What is being written lies in hidden folders of this name. */
const SCRATCH = '.ecatalog-scratch-';

/** What a run that was killed has left is removed by the next one after so long. */
const STALE_MS = 24 * 60 * 60 * 1_000;

/**
 * Runs `work` with a folder of its own in `parent`, which only its owner may enter, and removes it, also where a
 * signal ends the program.
 * @param options.anywhere takes the system's folder for such things where `parent` takes no files
 * @throws StorageError where the disk is full or the folder can't be written; else what `work` throws
 */
export async function withScratch<T>(
  parent: string,
  work: (folder: string) => Promise<T>,
  { anywhere = false } = {},
): Promise<T> {
  let folder: string | undefined;
  const end = (signal: NodeJS.Signals) => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    folder = await newFolder(parent, anywhere);
    return await work(folder);
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string };
    if (/^E(NOSPC|DQUOT|FBIG|IO|ROFS|ACCES|PERM|NOENT)$/.test(code))
      throw new StorageError(`${parent} could not be written, nothing was left there: ${message}`, {
        cause: error,
      });
    throw error;
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function newFolder(parent: string, anywhere: boolean): Promise<string> {
  try {
    const folder = await mkdtemp(join(parent, SCRATCH));
    await removeStale(parent, (await stat(folder)).mtimeMs);
    return folder;
  } catch (error) {
    if (!anywhere) throw error;
    return mkdtemp(join(tmpdir(), SCRATCH));
  }
}

async function removeStale(parent: string, now: number): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(SCRATCH)) continue;
    const path = join(parent, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: now }));
    if (now - mtimeMs > STALE_MS) await rm(path, { recursive: true, force: true });
  }
}
