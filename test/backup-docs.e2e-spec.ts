/** Runs what docs/backup.md and docs/move.md tell an operator to run, as it stands there, with the server stopped. */
import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startApp, type TestApp } from './support/app.js';
import { freshDatabase, newFolder } from './support/database.js';

const ROOT = join(import.meta.dirname, '..');

/** All blocks of a page that are marked so, one after another. */
function script(page: string, mark: string): string {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  const blocks = [...text.matchAll(new RegExp(`^( *)\`\`\`sh ${mark}\\n([\\s\\S]*?)^ *\`\`\``, 'gm'))];
  expect(blocks.length).toBeGreaterThan(1);
  return blocks.map(([, , body]) => body).join('\n');
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
      env: { ...app.env, ...env, PATH: `${bin}:${process.env.PATH}` },
      maxBuffer: 2 ** 24,
    });
    return stdout;
  };

  it('docs/backup.md', async () => {
    const BACKUP_DIR = newFolder();
    const output = await run(script('backup.md', 'run'), { BACKUP_DIR });
    expect(output).toContain('is whole');
    expect(output).toContain('Restored into');
    expect(output).toContain('The chain of');
    expect(readdirSync(BACKUP_DIR)).toHaveLength(1);
  });

  it('docs/move.md', async () => {
    const target = await freshDatabase({ on: 'sqlite', migrated: false });
    const env = { BACKUP_DIR: newFolder(), TARGET_URL: target.url };
    const output = await run(script('move.md', 'run'), env);
    expect(output).toContain('every count and digest is the same');
    expect(output).toContain('The schema is what the migrations made');
  });
});
