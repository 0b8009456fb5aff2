/** Runs what docs/backup.md and docs/move.md tell an operator to run, as it stands there, with the server stopped. */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { startApp, type TestApp, until } from './support/app.js';
import { closeAfterSuite } from './support/cleanup.js';
import { freshDatabase, newFolder } from './support/database.js';
import { startPostgres } from './support/postgres.mjs';
import { systemServer } from './support/system-server.js';

const ROOT = join(import.meta.dirname, '..');

/** The blocks of a page that are marked so. */
function blocks(page: string, mark: string): string[] {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  const found = [...text.matchAll(new RegExp(`^( *)\`\`\`sh ${mark}\\n([\\s\\S]*?)^ *\`\`\``, 'gm'))];
  expect(found.length).toBeGreaterThan(1);
  return found.map(([, , body]) => body!);
}

describe('the documents', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
    await app.createClient();
    await app.stop();
    // Its own connection would keep a SQLite file from being replaced.
    if (app.dialect === 'sqlite') await app.database.drop();
  });

  const run = async (text: string, env: Record<string, string>): Promise<string> => {
    const bin = newFolder();
    writeFileSync(join(bin, 'ecatalog'), `#!/bin/sh\nexec node '${join(ROOT, 'dist/src/cli.js')}' "$@"\n`);
    chmodSync(join(bin, 'ecatalog'), 0o755);
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', text], {
      cwd: newFolder(),
      env: { ...app.env, ...env, PATH: `${bin}:${env.PATH ?? process.env.PATH}` },
      maxBuffer: 2 ** 24,
    });
    return stdout;
  };

  const itWithServer = systemServer || process.env.TEST_DATABASE === 'sqlite' ? it : it.skip;

  itWithServer('point-in-time recovery in docs/backup.md (Debian package postgresql)', async () => {
    if (app.dialect === 'sqlite') return;
    const folder = newFolder();
    chmodSync(folder, 0o711); // PostgreSQL runs under another account where this runs as root
    const [ARCHIVE, BASE, DATA] = ['archive', 'base', 'postgres/data'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    mkdirSync(ARCHIVE, { mode: 0o777 });
    chmodSync(ARCHIVE, 0o777);
    const server = await startPostgres(join(folder, 'postgres'), {
      bin: systemServer,
      settings: { archive_mode: 'on', archive_command: `test ! -f ${ARCHIVE}/%f && cp %p ${ARCHIVE}/%f` },
    });
    closeAfterSuite(server, () => server.stop());
    const { hostname, port, username, password } = new URL(server.url);
    const connection = { PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: password };
    const env = {
      ...connection,
      ARCHIVE,
      BASE,
      DATA,
      DATABASE_URL: server.url,
      PATH: `${systemServer}:${process.env.PATH}`,
    };
    const ask = async (sql: string): Promise<Record<string, unknown>[]> => {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      const { rows } = await client.query<Record<string, unknown>>(sql);
      await client.end();
      return rows;
    };
    const [base, recover] = blocks('backup.md', 'pitr');

    await run('ecatalog migrate up', env);
    await run(base!, env);
    await run('ecatalog admin create --email before@example.com', env);
    const [{ instant } = {}] = await ask('SELECT now()::text AS instant');
    await run('ecatalog admin create --email after@example.com', env);
    await server.stop();
    const { uid, gid } = statSync(DATA);
    renameSync(DATA, `${DATA}.lost`);
    await run(recover!, { ...env, INSTANT: String(instant) });
    await run(`chown -R ${uid}:${gid} "$DATA"`, env);
    await server.start();
    await until(async () => (await ask('SELECT pg_is_in_recovery() AS going'))[0]!.going === false, 30_000);
    expect((await ask('SELECT email FROM users')).map(({ email }) => email)).toEqual(['before@example.com']);
    expect(await run('ecatalog audit verify', env)).toContain('is whole');
  });

  it('docs/backup.md', async () => {
    const BACKUP_DIR = newFolder();
    const output = await run(blocks('backup.md', 'run').join('\n'), { BACKUP_DIR });
    expect(output).toContain('is whole');
    expect(output).toContain('Restored into');
    expect(output).toContain('The chain of');
    expect(readdirSync(BACKUP_DIR)).toHaveLength(1);
  });

  it('docs/move.md', async () => {
    const target = await freshDatabase({ on: 'sqlite', migrated: false });
    const env = { BACKUP_DIR: newFolder(), TARGET_URL: target.url };
    const output = await run(blocks('move.md', 'run').join('\n'), env);
    expect(output).toContain('every count and digest is the same');
    expect(output).toContain('The schema is what the migrations made');
  });
});
