/**
 * An earlier release, as it would run: its sources out of git's history, built with the packages that are there. Those
 * of the first release are kept beside its databases, so that a checkout without a history has a release before it, too:
 * `git archive 192caca src migrations test/support package.json nest-cli.json tsconfig.json tsconfig.build.json`.
 *
 *   const commit = previousRelease();
 *   const root = await buildRelease(commit, folder);
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '../..');

/** The first released schema, migrations 0001 to 0006. */
export const FIRST_RELEASE = '192caca';
const FIRST_SOURCES = join(ROOT, 'test/upgrade/first-release.src.tar.gz');

/**
 * The release before this one: the newest tag that HEAD follows, the first release where there is none.
 * @returns {string}
 */
export function previousRelease() {
  return git('describe', '--tags', '--abbrev=0', '--match', 'v*', 'HEAD^') ?? FIRST_RELEASE;
}

/**
 * Builds a release below `folder`, once for all that ask at the same time.
 * @param {string} commit
 * @param {string} folder
 * @returns {Promise<string>} the root of the built release, with dist and test/support/app-process.mjs
 */
export async function buildRelease(commit, folder) {
  const root = join(folder, `release-${commit}`);
  const done = join(root, '.built');
  const failed = join(root, '.failed');
  try {
    mkdirSync(root);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    while (!existsSync(done)) {
      if (existsSync(failed)) throw new Error(`The release ${commit} could not be built`, { cause: error });
      await sleep(200);
    }
    return root;
  }
  try {
    const archive = commit === FIRST_RELEASE ? FIRST_SOURCES : join(root, 'sources.tar.gz');
    if (commit !== FIRST_RELEASE) git('archive', '--format=tar.gz', '-o', archive, commit);
    execFileSync('tar', ['-xzf', archive, '-C', root]);
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    await run([join(root, 'node_modules/@nestjs/cli/bin/nest.js'), 'build'], root);
    writeFileSync(done, '');
    return root;
  } catch (error) {
    writeFileSync(failed, '');
    throw error;
  }
}

function git(...args) {
  try {
    // Also where the checkout belongs to another account, as in a container.
    return execFileSync('git', ['-c', 'safe.directory=*', ...args], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

function run(args, cwd) {
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text) => (said += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`nest build failed:\n${said}`));
    });
  });
}
