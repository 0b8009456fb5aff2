/**
 * `npm run schema:fingerprint`: writes what the migrator and the drift check hold a database against, after a new
 * migration: migrations/checksums.json and migrations/fingerprint.{sqlite,postgres}.json. It migrates an empty
 * database of each kind (PostgreSQL from the npm package, or the server of TEST_DATABASE_URL) and reads its catalogue.
 *
 *   --check   writes nothing; fails where a file is not as it should be
 *   --force   also takes a new checksum for a migration that was edited, which no released one may be
 */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { databaseDefaults } from '../dist/src/database/database-settings.js';
import { parseDatabaseUrl } from '../dist/src/database/database-url.js';
import { readFingerprint } from '../dist/src/database/drift.js';
import { withMigrator } from '../dist/src/database/migrator.js';
import { releasedSchema, sourceChecksum } from '../dist/src/database/released-schema.js';
import { startPostgres } from '../test/support/postgres.mjs';

const migrationsFolder = join(import.meta.dirname, '../migrations');
const flags = process.argv.slice(2);
const unknown = flags.filter((flag) => !['--check', '--force'].includes(flag));
if (unknown.length > 0) {
  console.error(`Unknown ${unknown.join(' ')}; the header of scripts/fingerprint.mjs says what it takes.`);
  process.exit(2);
}
let failed = false;

const folder = mkdtempSync(join(tmpdir(), 'ecatalog-schema-'));
chmodSync(folder, 0o711); // PostgreSQL runs under another account where this runs as root
let server;
try {
  const checksums = checksumsOfSources();
  save('checksums.json', checksums, (old) =>
    Object.keys(checksums).filter((name) => old[name] !== undefined && old[name] !== checksums[name]),
  );
  await saveFingerprint('sqlite', `sqlite:${join(folder, 'schema.db')}`, checksums);
  if (!process.env.TEST_DATABASE_URL) server = await startPostgres(join(folder, 'postgres'));
  await onScratchDatabase(process.env.TEST_DATABASE_URL ?? server.url, (url) =>
    saveFingerprint('postgres', url, checksums),
  );
} finally {
  await server?.stop();
  rmSync(folder, { recursive: true });
}
process.exit(failed ? 1 : 0);

/** SHA-256 of each migration's source by the name of its class, in the order of the files. */
function checksumsOfSources() {
  const files = readdirSync(migrationsFolder).filter(
    (file) => /^\d{4}-.*\.ts$/.test(file) && !file.includes('spec.'),
  );
  return Object.fromEntries(
    files.sort().map((file) => {
      const source = readFileSync(join(migrationsFolder, file), 'utf8');
      const name = /export class (\w+)/.exec(source)[1];
      return [name, sourceChecksum(source)];
    }),
  );
}

async function saveFingerprint(dialect, address, checksums) {
  const settings = { ...databaseDefaults, url: parseDatabaseUrl(address) };
  const schema = { migrations: releasedSchema.migrations, checksums, fingerprint: () => ({}) };
  await withMigrator(
    settings,
    async (migrator, dataSource) => {
      await migrator.up();
      save(`fingerprint.${dialect}.json`, await readFingerprint(dataSource));
    },
    { schema },
  );
}

async function onScratchDatabase(server, work) {
  const name = `ecatalog_schema_${process.pid}`;
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE "${name}"`);
    const url = new URL(server);
    url.pathname = `/${name}`;
    await work(url.href);
  } finally {
    await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    await client.end();
  }
}

function save(file, content, edited = () => []) {
  const path = join(migrationsFolder, file);
  let old;
  try {
    old = readFileSync(path, 'utf8');
  } catch {
    old = '{}';
  }
  const text = `${JSON.stringify(content, undefined, 2)}\n`;
  if (text === old) return;
  const released = edited(JSON.parse(old));
  if (flags.includes('--check') || (released.length > 0 && !flags.includes('--force'))) {
    console.error(
      released.length > 0
        ? `Edited after it was written: ${released.join(', ')}. Write a new migration, or use --force before its release.`
        : `migrations/${file} is not up to date: run npm run schema:fingerprint`,
    );
    failed = true;
    return;
  }
  writeFileSync(path, text);
  console.log(`Wrote migrations/${file}`);
}
