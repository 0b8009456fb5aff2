/**
 * `npm start [-- --sample]`: builds when a source is newer than the last build, then serves in this very process, so
 * that SIGTERM and Ctrl-C reach the server.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cli = join(root, 'dist/src/cli.js');
const stamp = join(root, 'dist/.built');
const SOURCES = [
  'src',
  'migrations',
  'nest-cli.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'package-lock.json',
];

const [major, minor] = process.versions.node.split('.').map(Number);
const fits = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
if (!fits) stop(`The e-catalog needs Node 20.19, 22.12 or newer; this is ${process.version}.`);
if (!existsSync(join(root, 'node_modules/@nestjs/core')))
  stop('Run "npm ci" first: node_modules is not there.');

if (!existsSync(cli) || !existsSync(stamp) || newest(SOURCES) > statSync(stamp).mtimeMs) build();
// npm killed by -9 can't tell its child: being handed to another parent does. The server must not stay behind.
if (process.env.npm_lifecycle_event) {
  const npm = process.ppid;
  setInterval(() => process.ppid !== npm && process.kill(process.pid, 'SIGTERM'), 500).unref();
}
process.argv = [process.execPath, cli, 'serve', ...process.argv.slice(2)];
await import(cli);

/** The latest change below the given paths; a folder's own time tells of files removed. */
function newest(paths, base = root) {
  return Math.max(
    ...paths.map((name) => {
      const path = join(base, name);
      const status = statSync(path);
      return status.isDirectory()
        ? Math.max(status.mtimeMs, newest(readdirSync(path), path))
        : status.mtimeMs;
    }),
  );
}

function build() {
  const started = new Date();
  const require = createRequire(import.meta.url);
  const nest = join(dirname(require.resolve('@nestjs/cli/package.json')), 'bin/nest.js');
  const { status } = spawnSync(process.execPath, [nest, 'build'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) stop('The build failed: see above.');
  // As of its beginning: what is saved while it builds counts as newer.
  writeFileSync(stamp, '');
  utimesSync(stamp, started, started);
}

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}
