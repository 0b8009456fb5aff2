import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What is being written lies in hidden folders, or files, of this name. */
export const SCRATCH = '.ecatalog-scratch-';

/**
 * Runs `work` with a folder of its own in `parent`, or in the system's where that takes no files, and removes it.
 * Only its owner may enter.
 */
export async function withScratch<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(parent, SCRATCH)).catch((error: unknown) => {
    if (!['EACCES', 'EPERM', 'EROFS'].includes((error as { code?: string }).code ?? '')) throw error;
    return mkdtemp(join(tmpdir(), SCRATCH));
  });
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
