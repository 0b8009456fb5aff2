/**
 * Node 20 only: builds its SQLite driver, better-sqlite3 12 (newer Nodes have 13, whose package holds the binaries).
 * npm can't do it: where the lock file names no addresses, it can't tell one version's script from another's, so that
 * refusing that of 13 in allowScripts refuses both. Goes when Node 20 goes.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const driver = fileURLToPath(new URL('../node_modules/better-sqlite3-node20', import.meta.url));
const missing = existsSync(driver) && !existsSync(`${driver}/build/Release/better_sqlite3.node`);
if (process.versions.node.startsWith('20.') && missing) build();

function build() {
  const command = [process.env.npm_execpath, 'run', 'install'];
  const env = { ...process.env, JOBS: 'max' };
  const built = spawnSync(process.execPath, command, {
    cwd: driver,
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (built.status === 0) return;
  console.error(built.stdout, built.stderr);
  console.error('On Node 20 the SQLite driver needs a compiler (Debian: apt-get install g++ make python3).');
  console.error('Newer Nodes need none.');
  process.exit(1);
}
