/** Runs what docs/operations.md tells an operator to run, section by section, as it stands there. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { answered, startApp, type TestApp } from './support/app.js';
import { dialect, newFolder, type TestDatabase } from './support/database.js';
import { firstReleaseDatabase } from './upgrade/first-release.js';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');

interface Block {
  kind: string;
  text: string;
}

/** The marked blocks of each section, those of this database. */
const sections = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
  .split(/^## /m)
  .map((text) => ({
    name: text.split('\n', 1)[0]!.replace(/^# /, ''),
    blocks: [...text.matchAll(/^( *)```(sh|sql) run ?(\w*)\n([\s\S]*?)^ *```/gm)]
      .filter(([, , , only]) => only === '' || only === dialect())
      .map(([, indent, kind, , body]): Block => ({
        kind: kind!,
        text: body!.replaceAll(`\n${indent}`, '\n'),
      })),
  }))
  .filter(({ blocks }) => blocks.length > 0);

/** Those in which the server is stopped, in their order on one database. */
const stopped = ['Upgrade', 'Roll back', 'Migration failed'];

/** Runs blocks one after another, each with what the ones before have exported; each must succeed. Returns what they printed. */
async function perform(
  blocks: Block[],
  database: TestDatabase,
  env: Record<string, string | undefined>,
): Promise<string> {
  const bin = join(newFolder(), 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'ecatalog'), `#!/bin/sh\nexec node '${join(ROOT, 'dist/src/cli.js')}' "$@"\n`);
  chmodSync(join(bin, 'ecatalog'), 0o755);
  const exported = join(bin, 'exported');
  let exports: Record<string, string | undefined> = env;
  let output = '';
  for (const { kind, text } of blocks) {
    if (kind === 'sql') {
      for (const statement of text.split(';').filter((part) => part.trim() !== ''))
        output += JSON.stringify(await database.sql(statement));
      continue;
    }
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', `${text}\nenv -0 > '${exported}'`], {
      cwd: database.folder,
      env: { ...exports, PATH: `${bin}:${process.env.PATH}` },
    });
    output += stdout;
    exports = Object.fromEntries(
      readFileSync(exported, 'utf8')
        .split('\0')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    delete exports[''];
  }
  return output;
}

it('has commands to run in every section that has commands of this product', () => {
  expect(sections.map(({ name }) => name)).toEqual(expect.arrayContaining(['Operations', ...stopped]));
  expect(sections.length).toBeGreaterThanOrEqual(13);
});

describe('the runbook, with the server stopped', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await firstReleaseDatabase();
  });

  it.each(stopped)('%s', async (name) => {
    const { blocks } = sections.find((section) => section.name === name)!;
    const output = await perform(blocks, database, { NODE_ENV: 'production', DATABASE_URL: database.url });
    expect(output).toMatch(/applied|undone/);
  });
});

describe('the runbook, beside the server', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });

  it.each(
    sections
      .filter(({ name }) => !stopped.includes(name))
      .map((section) => [section.name, section.blocks] as const),
  )('%s', async (_, blocks) => {
    const user = await app.createUser();
    const env = { ...app.env, URL: app.url, EMAIL: user.email };
    await perform(blocks, app.database, env);
    expect((await app.raw('GET', '/health/ready')).status).toBe(200);
  });

  it('encrypts anew by the keys that were exchanged', async () => {
    const { blocks } = sections.find(({ name }) => name === 'Rotate secrets')!;
    expect(await perform(blocks, app.database, app.env)).toMatch(
      /encrypted anew: DATA_KEY_PREVIOUS can be removed/,
    );
  });

  it('lets a lost administrator in by the link that it prints', async () => {
    const user = await app.createUser({ role: 'admin' });
    const { blocks } = sections.find(({ name }) => name === 'Lost administrator')!;
    const output = await perform(blocks, app.database, { ...app.env, EMAIL: user.email });
    const [token = ''] = /^[\w-]{43}$/m.exec(output) ?? [];
    const newPassword = 'nine lighthouses over a calm estuary';
    await answered(204, app.post('/auth/password-resets/confirm', { token, newPassword }));
    await app.signIn(user.email, newPassword);
  });
});
