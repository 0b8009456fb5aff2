import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { postgresClientEnvironment } from '../config/postgres-client-environment.js';
import type { PostgresUrl } from '../database/database-url.js';

/** `pg_dump` failed; the message is its own. */
export class PgDumpError extends Error {
  override name = 'PgDumpError';
}

/** The major version of the `pg_dump` on this machine; undefined where there is none. */
export async function pgDumpMajor(): Promise<number | undefined> {
  try {
    const { stdout } = await promisify(execFile)('pg_dump', ['--version']);
    const major = /\b(\d+)(?:\.\d+|\w+)/.exec(stdout)?.[1];
    return major === undefined ? undefined : Number(major);
  } catch {
    return undefined;
  }
}

/**
 * The database as `pg_dump` writes it in SQL, at an exported snapshot. Its password goes by the environment.
 * @throws PgDumpError
 */
export async function* pgDump(url: PostgresUrl, snapshot: string, schema: string): AsyncGenerator<Buffer> {
  const child = spawn(
    'pg_dump',
    [
      '--format=plain',
      '--encoding=UTF8',
      '--no-owner',
      '--no-privileges',
      `--snapshot=${snapshot}`,
      // Of a schema that is named, pg_dump writes CREATE SCHEMA, and every database has this one.
      ...(schema === 'public' ? [] : [`--schema="${schema}"`]),
    ],
    { env: postgresClientEnvironment(url), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let complaint = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (complaint = (complaint + text).slice(-2_000)));
  const closed = once(child, 'close');
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const [code] = (await closed) as [number | null];
    if (code !== 0) throw new PgDumpError(`pg_dump failed: ${complaint.trim() || `exit code ${code}`}`);
  } finally {
    child.kill();
  }
}
