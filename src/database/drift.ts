import { writeFile } from 'node:fs/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import { postgresFingerprint } from './postgres/catalogue.js';
import { releasedSchema, type Fingerprint } from './released-schema.js';
import { dialectOf } from './sql.js';
import { sqliteFingerprint } from './sqlite/catalogue.js';

/**
 * How the database differs from the entities and from the committed fingerprint: a sentence for each difference,
 * none where all is as it should be. TypeORM's schema builder alone overlooks predicates, CHECK expressions,
 * triggers, views and whatever is not in an entity.
 */
export async function findDrift(
  dataSource: DataSource,
  expected: Fingerprint = releasedSchema.fingerprint(dialectOf(dataSource)),
): Promise<string[]> {
  const fromCatalogue = compareFingerprints(expected, await readFingerprint(dataSource));
  return [...fromCatalogue, ...(await entityDifferences(dataSource))];
}

/** The fingerprint of the live schema. */
export async function readFingerprint(dataSource: DataSource): Promise<Fingerprint> {
  const read = dialectOf(dataSource) === 'postgres' ? postgresFingerprint : sqliteFingerprint;
  const runner: QueryRunner = dataSource.createQueryRunner();
  try {
    const entries = Object.entries(await read(runner));
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  } finally {
    await runner.release();
  }
}

/** Writes the fingerprint of the live schema to a file, one line an object. */
export async function writeFingerprint(dataSource: DataSource, file: string): Promise<void> {
  await writeFile(file, `${JSON.stringify(await readFingerprint(dataSource), undefined, 2)}\n`);
}

/** Names each difference between two fingerprints. */
export function compareFingerprints(expected: Fingerprint, actual: Fingerprint): string[] {
  const differences: string[] = [];
  const keys = [...new Set([...Object.keys(expected), ...Object.keys(actual)])].sort();
  // A table that is missing or extra says enough; its columns need not be listed.
  const whole = keys.filter((key) => key.startsWith('table ') && !(key in expected && key in actual));
  const partOf = (key: string) =>
    whole.some((table) =>
      new RegExp(`^(column|check|constraint) ${table.slice('table '.length)}\\.`).test(key),
    );
  for (const key of keys) {
    const [wanted, found] = [expected[key], actual[key]];
    if (wanted === found || partOf(key)) continue;
    if (found === undefined) differences.push(`${key} is missing`);
    else if (wanted === undefined) differences.push(`${key} is extra${found && `: ${found}`}`);
    else differences.push(`${key} is changed: expected ${wanted || 'nothing'}, found ${found || 'nothing'}`);
  }
  return differences;
}

/** What the schema builder would do to fit the database to the entities. */
export async function entityDifferences(dataSource: DataSource): Promise<string[]> {
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => `the entities would have it otherwise: ${query}`);
}
