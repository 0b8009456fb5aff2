/** The three roles of scripts/postgres-roles.sql on a suite's database. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestDatabase } from './database.js';

const script = join(import.meta.dirname, '../../scripts/postgres-roles.sql');
const names = ['owner', 'app', 'monitor'] as const;

/** Addresses of the database, one for each role. */
export type RoleUrls = Record<(typeof names)[number], string>;

/**
 * Runs the script, again and again if need be, and gives each role a password: the same in a run, because roles belong
 * to the whole server. What they may do to tables comes with the next `ecatalog migrate up` of the owner.
 */
export async function makeRoles(database: Pick<TestDatabase, 'url' | 'sql'>): Promise<RoleUrls> {
  const password = createHash('sha256').update(`${process.env.TEST_RUN_DIR}`).digest('hex');
  await database.sql(readFileSync(script, 'utf8'));
  const urls = names.map((name) => {
    const url = new URL(database.url);
    url.username = `ecatalog_${name}`;
    url.password = password;
    return [name, url.href] as const;
  });
  for (const name of names) await database.sql(`ALTER ROLE ecatalog_${name} PASSWORD '${password}'`);
  return Object.fromEntries(urls) as RoleUrls;
}
