/**
 * `npm test`: every suite on SQLite and on a real PostgreSQL (jest.config.mjs says which suites run where).
 *
 *   npm test                          all
 *   npm test -- clients               suites whose path matches
 *   npm test -- --sqlite | --postgres | --unit    only these (may be combined)
 *   npm test -- --no-build            with dist as it is
 *   npm test -- clients -- -t renew   what follows a second -- goes to Jest
 *   TEST_AS_APP_ROLE=1                on PostgreSQL the app has no more rights than scripts/postgres-roles.sql gives it
 *   TEST_DATABASE_URL=postgres://…    on that server; its role must be allowed to create databases
 *   CI=true                           a skipped test fails the run
 *
 * keeper.sh ends whatever a run started, however the run itself ends.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import pg from 'pg';
import { isReachable, startPostgres } from './support/postgres.mjs';

const root = join(import.meta.dirname, '..');
const { projects, build, patterns, jestArgs } = parseArguments(process.argv.slice(2));
const wants = (project) => projects.includes(project);

let finishing = false;
const folder = runFolder();
const keeper = startKeeper();
for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }))
  process.on(signal, () => finish(128 + number));
// npm killed by -9 can't tell its child: being handed to another parent does.
if (process.env.npm_lifecycle_event) {
  const npm = process.ppid;
  setInterval(() => process.ppid !== npm && finish(143), 500).unref();
}

try {
  if (build) await mustPass(inGroup([bin('@nestjs/cli', 'nest'), 'build']), 'nest build failed');
  const env = {
    ...process.env,
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`,
    TEST_RUN_DIR: folder,
    ...(wants('sqlite') && { TEST_SQLITE_TEMPLATE: await sqliteTemplate() }),
    ...(wants('postgres') && (await postgresServer())),
  };
  const jest = [bin('jest', 'jest'), '--selectProjects', ...projects, ...jestArgs];
  if (patterns.length) jest.push('--testPathPatterns', ...patterns);
  const status = await inGroup(jest, { env });
  await finish(report(status));
} catch (error) {
  console.error(error.message);
  await finish(1);
}

function parseArguments(args) {
  const cut = args.indexOf('--');
  const own = cut < 0 ? args : args.slice(0, cut);
  const all = ['unit', 'sqlite', 'postgres'];
  const chosen = all.filter((project) => own.includes(`--${project}`));
  const unknown = own.filter((arg) => arg.startsWith('-') && ![...all, 'no-build'].includes(arg.slice(2)));
  if (unknown.length) {
    console.error(`test/run.mjs: unknown ${unknown.join(' ')}; its header says what it takes.`);
    process.exit(2);
  }
  return {
    projects: chosen.length ? chosen : all,
    build: !own.includes('--no-build'),
    patterns: own.filter((arg) => !arg.startsWith('-')),
    jestArgs: cut < 0 ? [] : args.slice(cut + 1),
  };
}

/** The script behind a package's command, so that no shell stands between this process and it. */
function bin(pkg, command) {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve(`${pkg}/package.json`);
  const { bin: commands } = require(manifest);
  return join(manifest, '..', typeof commands === 'string' ? commands : commands[command]);
}

/** A folder for all that the run writes. As root it must let PostgreSQL's account pass. */
function runFolder() {
  const asRoot = process.getuid?.() === 0;
  const parent = [tmpdir(), '/tmp', '/var/tmp'].find(
    (path) => existsSync(path) && (!asRoot || isReachable(path)),
  );
  const made = mkdtempSync(join(parent ?? tmpdir(), 'ecatalog_test_'));
  chmodSync(made, asRoot ? 0o711 : 0o700);
  return made;
}

function startKeeper() {
  const child = spawn('sh', [join(root, 'test/support/keeper.sh'), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  return {
    hold(process) {
      child.stdin.write(`${process.pid}\n`);
      process.once('exit', () => child.stdin.writable && child.stdin.write(`-${process.pid}\n`));
    },
    release: () => new Promise((resolve) => child.once('exit', resolve) && child.stdin.end()),
  };
}

/** Runs a node script in a process group of its own, held by the keeper, and returns its exit code. */
function inGroup(args, { cwd = root, env = process.env } = {}) {
  const child = spawn(process.execPath, args, {
    cwd,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  keeper.hold(child);
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (code) => resolve(code ?? 1));
  });
}

async function mustPass(status, otherwise) {
  if ((await status) !== 0) throw new Error(otherwise);
}

/** Migrated once; each suite gets a copy of the file. */
async function sqliteTemplate() {
  const path = join(folder, 'template.db');
  await migrate(`sqlite:${path}`);
  return path;
}

/** The server, and a database migrated once, which each suite's own is made from. */
async function postgresServer() {
  let url = process.env.TEST_DATABASE_URL;
  if (!url) {
    const server = await startPostgres(join(folder, 'postgres'), { onSpawn: keeper.hold });
    url = server.url;
  }
  const template = `${basename(folder)}_template`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`CREATE DATABASE "${template}"`);
  if (process.env.TEST_AS_APP_ROLE)
    await client.query(readFileSync(join(root, 'scripts/postgres-roles.sql'), 'utf8'));
  await client.end();
  const templateUrl = new URL(url);
  templateUrl.pathname = `/${template}`;
  await migrate(templateUrl.href);
  return { TEST_POSTGRES_URL: url, TEST_POSTGRES_TEMPLATE: template };
}

async function migrate(url) {
  const cwd = join(folder, 'migrate');
  mkdirSync(cwd, { recursive: true });
  const env = { PATH: process.env.PATH, DATABASE_URL: url };
  const migrated = inGroup([join(root, 'dist/src/cli.js'), 'migrate', 'up'], { cwd, env });
  await mustPass(migrated, 'The template database could not be migrated');
}

/** Prints the closing counts and returns the exit code. */
function report(jestStatus) {
  const file = join(folder, 'counts.json');
  if (!existsSync(file)) return jestStatus || 1;
  const { counts, skipped } = JSON.parse(readFileSync(file, 'utf8'));
  const total = { passed: 0, failed: 0, skipped: 0 };
  const line = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;
  const failing = process.env.CI ? ', which fails a run where CI is set' : '';
  if (skipped.length) console.log(`\nSkipped${failing}:\n${skipped.map((name) => `  ${name}`).join('\n')}`);
  console.log();
  for (const project of projects) {
    const count = counts[project] ?? { passed: 0, failed: 0, skipped: 0 };
    console.log(`${project}: ${line(count)}`);
    for (const key of Object.keys(total)) total[key] += count[key];
  }
  console.log(line(total));
  return jestStatus || (total.failed || (failing && total.skipped) ? 1 : 0);
}

/** Ends the run, once; the keeper ends what is left of it. */
async function finish(code) {
  if (finishing) return;
  finishing = true;
  await keeper.release();
  process.exit(code);
}
