/** The servers that are measured: the product as it is deployed, and the bare limit. Each is a process of its own. */
import { fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, copyFileSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, request } from './load.mjs';

const root = join(import.meta.dirname, '..');
/** As the image sets them. */
const NODE_OPTIONS = /NODE_OPTIONS=(\S+)/.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))[1];
export const JWT_SECRET = 'q7Vf0-bench-Zk3mWx81-only-Ty5uLp92-here';

const running = new Set();
const folders = new Set();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

/** A copy of a data file that its server may write to. @returns its path */
export function scratchCopy(file) {
  const folder = mkdtempSync(join(tmpdir(), 'ecatalog-bench-'));
  folders.add(folder);
  const copy = join(folder, 'bench.db');
  copyFileSync(file, copy, constants.COPYFILE_FICLONE);
  return copy;
}

/**
 * Starts the product in production mode, everything on, its log written to a file.
 * @param databaseUrl where its data is
 * @returns port, process, how long it took to be ready (ms), and what stops it
 */
export async function startApp(databaseUrl, env = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'ecatalog-bench-'));
  folders.add(folder);
  const port = await freePort();
  const log = openSync(join(folder, 'app.log'), 'w');
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [...(process.env.BENCH_NODE_ARGS?.split(' ') ?? []), join(root, 'dist/src/main.js')],
    {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        NODE_OPTIONS,
        NODE_ENV: 'production',
        PORT: String(port),
        METRICS_PORT: String(await freePort()),
        DATABASE_URL: databaseUrl,
        JWT_SECRET,
        // Their first run, soon after the start, would be part of the first rounds.
        JOBS_TICK_MS: '0',
        DATA_KEY: createHash('sha256').update(JWT_SECRET).digest('base64'),
        ...env,
      },
      stdio: ['ignore', log, log],
    },
  );
  closeSync(log);
  const server = serverOf(child, port);
  const readiness = request('GET', '/health/ready');
  for (;;) {
    if (child.exitCode !== null) throw new Error(readFileSync(join(folder, 'app.log'), 'utf8'));
    const answer = await ask(port, readiness).catch(() => undefined);
    if (answer?.status === 200) break;
    if (performance.now() - started > 60_000) throw new Error('The app is not ready after a minute');
    await sleep(5);
  }
  return { ...server, readyMs: performance.now() - started };
}

/** Starts the bare limit on a file. */
export async function startLimit(file) {
  const child = fork(join(import.meta.dirname, 'limit.mjs'), {
    env: { PATH: process.env.PATH, NODE_OPTIONS, NODE_ENV: 'production', DATABASE_FILE: file, JWT_SECRET },
    execArgv: [],
  });
  const { port } = await new Promise((resolve, reject) => {
    child.once('message', resolve).once('exit', () => reject(new Error('The limit did not start')));
  });
  return serverOf(child, port);
}

function serverOf(child, port) {
  running.add(child);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  void ended.then(() => running.delete(child));
  return {
    port,
    pid: child.pid,
    cpuMs: () => cpuMs(child.pid),
    rssMiB: () => rssMiB(child.pid),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Processor time that a process has used; undefined where there is no /proc. */
function cpuMs(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return undefined;
  }
}

function rssMiB(pid) {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
  } catch {
    return undefined;
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
