/**
 * Checks a built image, as root and with buildah alone:
 *
 *   test/image/build.sh localhost/ecatalog:test && node test/image/check.mjs localhost/ecatalog:test
 *
 * The image's own commands run in it as its own user, with a root that can't be written, /data and /tmp, and no
 * capabilities: as the chart runs them.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const image = process.argv[2] ?? 'localhost/ecatalog:test';
const buildah = (...args) => execFileSync('buildah', args, { encoding: 'utf8' }).trim();
const { config } = JSON.parse(buildah('inspect', '--type', 'image', image)).Docker;
const [uid, gid] = config.User.split(':').map(Number);

const folder = mkdtempSync('/var/tmp/ecatalog-image-');
const data = join(folder, 'data');
mkdirSync(data);
chownSync(data, uid, gid);
const container = buildah('from', image);
const root = buildah('mount', container);
const secrets = {
  JWT_SECRET: randomBytes(48).toString('base64'),
  DATA_KEY: randomBytes(32).toString('base64'),
  ADMIN_EMAIL: 'admin@shop.example',
  ADMIN_PASSWORD: randomBytes(18).toString('base64'),
};

try {
  await check('is made for one account, and checks its own health', () => {
    assert.deepEqual([uid, gid], [10001, 10001]);
    assert.deepEqual(config.Cmd, ['node', 'dist/src/main.js']);
    assert.equal(config.Healthcheck.Test[0], 'CMD');
    assert.match(config.Labels['org.opencontainers.image.version'], /^\d+\.\d+\.\d+/);
  });
  await check('belongs to root, and its account writes /data and /tmp alone', async () => {
    const writable = await inside([
      'find',
      '/',
      '-xdev',
      '-writable',
      '!',
      '-type',
      'l',
      '-not',
      '-path',
      '/proc/*',
    ]);
    const places = new Set(writable.out.split('\n').filter(Boolean));
    assert.deepEqual(
      [...places].filter((path) => !/^\/(data|tmp|dev)(\/|$)/.test(path)),
      [],
    );
    const tried = await inside(['node', '-e', 'require("fs").writeFileSync("/app/x", "")']);
    assert.match(tried.err, /EROFS/);
  });
  await check('brings no driver of Node 20', () => {
    assert.ok(!readdirSync(join(root, 'app/node_modules')).includes('better-sqlite3-node20'));
  });
  await check('migrates, and again with nothing to do', async () => {
    assert.match((await done(['node', 'dist/src/cli.js', 'migrate', 'up'])).out, /applied/);
    assert.match((await done(['ecatalog', 'migrate', 'up'])).out, /Nothing to apply/);
    await done(['ecatalog', 'schema', 'verify']);
  });
  await check('serves: sign-in, a write, a read, and an end at SIGTERM', serve);
  await check('backs up, and the backup is whole', backUp);
  console.log(`${image}: all is well`);
} finally {
  buildah('umount', container);
  buildah('rm', container);
  rmSync(folder, { recursive: true });
}

async function check(what, work) {
  await work();
  console.log(`  ${what}`);
}

async function serve() {
  const port = await freePort();
  const server = enter(config.Cmd, { ...secrets, HOST: '127.0.0.1', PORT: String(port), METRICS_PORT: '0' });
  let log = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => (log += text));
  const ended = new Promise((resolve) => server.once('exit', resolve));
  const api = `http://127.0.0.1:${port}/api/v1`;
  try {
    const signIn = () =>
      post(`${api}/auth/login`, { email: secrets.ADMIN_EMAIL, password: secrets.ADMIN_PASSWORD });
    await until(async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok);
    const session = await until(async () => {
      const reply = await signIn();
      return reply.ok && reply.json();
    });
    const authorization = { authorization: `Bearer ${session.accessToken}` };
    const demo = {
      title: 'Fleet',
      summary: 'Trucks.',
      category: 'logistics',
      launch: { kind: 'link', url: 'https://fleet.example' },
    };
    const made = await post(`${api}/demos`, demo, authorization);
    assert.equal(made.status, 201, await made.clone().text());
    const { id } = await made.json();
    assert.equal((await fetch(`${api}/demos/${id}`, { headers: authorization })).status, 200);
    const health = await done(config.Healthcheck.Test.slice(1), {
      PORT: String(port),
    });
    assert.equal(health.code, 0);
  } catch (error) {
    console.error(log);
    throw error;
  } finally {
    // The server is the first process of its namespace; its parent here passes no signal on.
    execFileSync('pkill', ['-TERM', '--parent', String(server.pid)]);
  }
  assert.equal(await ended, 0);
}

async function backUp() {
  const env = { BACKUP_DIR: '/data/backups' };
  await done(['ecatalog', 'backup', 'create'], env);
  const { out } = await done(['ecatalog', '--json', 'backup', 'list'], env);
  assert.notEqual(out.trim(), '[]');
  await done(['ecatalog', 'backup', 'prune'], env);
  assert.ok(readdirSync(join(data, 'backups')).length > 0);
}

/** Runs a command in the image, which must succeed. */
async function done(command, env) {
  const result = await inside(command, env);
  assert.equal(result.code, 0, `${command.join(' ')}: ${result.out}${result.err}`);
  return result;
}

async function inside(command, env) {
  const child = enter(command, env);
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, out, err };
}

/** Starts a command in the image, in mount and process namespaces of its own, where its root is read-only. */
function enter(command, env = {}) {
  const setUp = `set -e
    mount --make-rprivate /
    mount --bind ${root} ${root} && mount -o remount,bind,ro ${root}
    mount -t proc proc ${root}/proc
    mount -t tmpfs tmpfs ${root}/tmp
    mount --bind ${data} ${root}/data
    mount -t tmpfs -o mode=755 tmpfs ${root}/dev && touch ${root}/dev/null && mount --bind /dev/null ${root}/dev/null
    exec setpriv --no-new-privs chroot --userspec=${uid}:${gid} --groups= ${root} \
      sh -c 'cd ${config.WorkingDir} && exec "$@"' sh "$@"`;
  const args = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', setUp, 'sh', ...command];
  const own = Object.fromEntries(config.Env.map((line) => line.split(/=(.*)/s).slice(0, 2)));
  return spawn('unshare', args, {
    env: { ...own, DATABASE_URL: 'sqlite:/data/ecatalog.db', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function post(url, body, headers = {}) {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

async function until(attempt, seconds = 60) {
  for (const deadline = Date.now() + seconds * 1000; ;) {
    const result = await attempt().catch(() => false);
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`${attempt} did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
