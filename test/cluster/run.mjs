/**
 * The chart on a real Kubernetes: installed, used, upgraded, broken and rolled back, on both databases.
 *
 *   LOAD='command that loads an image archive' node test/cluster/run.mjs [postgresql] [sqlite]
 *
 * Needs KUBECONFIG, helm and kubectl; and buildah as root, for the images: the app's, two later releases of it (one with
 * a migration, one with a migration that fails) and PostgreSQL. The archive's path is added to LOAD, as in
 * `kind load image-archive`, `minikube image load` or `ctr -n k8s.io images import`.
 *   IMAGE=localhost/ecatalog:test   the app's image, as test/image/build.sh makes it
 *   KEEP=1                          leaves the namespaces as they are at the end
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const chart = join(here, '../../helm/ecatalog');
const image = process.env.IMAGE ?? 'localhost/ecatalog:test';
const repository = image.replace(/:[^:/]*$/, '');
const tags = { first: image.slice(repository.length + 1), next: 'next', broken: 'broken' };
const postgresImage = `${repository}-postgres:test`;
const modes = process.argv.length > 2 ? process.argv.slice(2) : ['postgresql', 'sqlite'];
const random = () => randomBytes(24).toString('base64url');

const started = Date.now();
const say = (text) => console.log(`${((Date.now() - started) / 1000).toFixed(0).padStart(5)} s  ${text}`);
const kubectl = (...args) =>
  execFileSync('kubectl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
const apply = (...objects) =>
  execFileSync('kubectl', ['apply', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
  });

images();
for (const mode of modes) await run(mode);
say('all is well');

/** Makes the images where they are not, and loads them. */
function images() {
  const load = process.env.LOAD;
  if (!load) return say('LOAD is not set: the images are taken to be there');
  const folder = mkdtempSync('/var/tmp/ecatalog-cluster-');
  const build = (name, file, ...args) =>
    execFileSync(
      'buildah',
      ['bud', '--quiet', '--isolation', 'chroot', '--format', 'docker', '--layers', '--tag', name]
        .concat(args.flatMap((arg) => ['--build-arg', arg]))
        .concat('--file', join(here, 'images', file), join(here, 'images')),
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
  const base = process.env.BASE ?? 'localhost/node:24-bookworm';
  build(postgresImage, 'postgres.Dockerfile', `BASE=${base}`);
  // On PostgreSQL it takes a while, in which the old pods must serve.
  const next = ['NAME=Later9999999999998', 'STATEMENT=SELECT pg_sleep(5)|SELECT 1'];
  build(`${repository}:next`, 'release.Dockerfile', `IMAGE=${image}`, ...next);
  const broken = ['NAME=Broken9999999999999', 'STATEMENT=SELECT x FROM nowhere'];
  build(`${repository}:broken`, 'release.Dockerfile', `IMAGE=${repository}:next`, ...broken);
  for (const name of [postgresImage, ...Object.values(tags).map((tag) => `${repository}:${tag}`)]) {
    const archive = join(folder, 'image.tar');
    execFileSync('buildah', ['push', '--quiet', name, `docker-archive:${archive}:${name}`]);
    execFileSync('sh', ['-c', `${load} "$1"`, 'sh', archive], { stdio: ['ignore', 'ignore', 'inherit'] });
    rmSync(archive);
    say(`loaded ${name}`);
  }
  rmSync(folder, { recursive: true });
}

async function run(mode) {
  const sqlite = mode === 'sqlite';
  const namespace = `ecatalog-${mode}`;
  const secrets = { jwtSecret: random(), dataKey: randomBytes(32).toString('hex'), adminPassword: random() };
  const password = random();
  const values = {
    image: { repository, tag: tags.first },
    config: { adminEmail: 'admin@shop.example' },
    secrets,
    networkPolicy: {
      httpFrom: [{ podSelector: { matchLabels: { role: 'caller' } } }],
      metricsFrom: [{ podSelector: { matchLabels: { role: 'monitor' } } }],
    },
    backup: { persistence: sqlite ? { size: '1Gi' } : { existingClaim: 'backups' } },
    persistence: { size: '1Gi' },
    probes: { periodSeconds: 2 },
    ...(!sqlite && {
      replicas: 2,
      database: { type: 'postgresql' },
      secrets: { ...secrets, databaseUrl: `postgres://ecatalog:${password}@postgres:5432/postgres` },
    }),
  };
  const k = (...args) => kubectl('--namespace', namespace, ...args);
  /** Runs helm with the values; resolves to whether it succeeded. */
  const helm = (command, more = {}, ...args) =>
    new Promise((resolve) => {
      const given = ['upgrade', 'install'].includes(command) ? [chart, '--values', '-', '--wait'] : [];
      const child = spawn('helm', [command, 'shop', ...given, '--namespace', namespace, ...args], {
        stdio: ['pipe', 'ignore', 'pipe'],
      });
      let err = '';
      child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
      child.stdin.end(JSON.stringify({ ...values, ...more }));
      child.once('close', (code) => resolve({ ok: code === 0, err: err.trim() }));
    });
  const release = (tag) => ({ image: { repository, tag } });
  const succeed = async (command, more, ...args) => {
    const { ok, err } = await helm(command, more, ...args);
    assert.ok(ok, `helm ${command}: ${err}\n${k('get', 'pods', '--output', 'wide')}`);
  };
  const caller = (...args) => k('exec', 'caller', '--', 'node', '/calls/caller.mjs', ...args);
  const pods = (component = 'api') =>
    JSON.parse(k('get', 'pods', '--selector', `app.kubernetes.io/component=${component}`, '--output', 'json'))
      .items;
  const running = () => pods().filter(({ metadata }) => !metadata.deletionTimestamp);
  const tagsServing = () =>
    [...new Set(running().map(({ spec }) => spec.containers[0].image.split(':').pop()))].join();
  const status = () =>
    JSON.parse(
      execFileSync('helm', ['status', 'shop', '--namespace', namespace, '--output', 'json'], {
        encoding: 'utf8',
      }),
    ).info.status;
  /** Calls the API all the while that `work` takes, and a little after. */
  const meanwhile = async (work) => {
    const child = spawn(
      'kubectl',
      ['--namespace', namespace, 'exec', '--stdin', 'caller', '--', 'node', '/calls/caller.mjs', 'stream'],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
    const closed = new Promise((resolve) => child.once('close', resolve));
    await sleep(2000);
    try {
      await work();
      await sleep(3000);
    } finally {
      child.stdin.end();
      await closed;
    }
    return JSON.parse(out);
  };
  const figures = ({ count, failed, silenceMs }) =>
    `${count} calls, ${failed} failed, longest silence ${(silenceMs / 1000).toFixed(1)} s`;
  /** PostgreSQL loses no call; SQLite has one pod, and is silent while it changes. */
  const judge = (what, calls) => {
    say(`${mode}: ${what}: ${figures(calls)}`);
    if (!sqlite) assert.deepEqual(calls.failures, []);
  };

  say(`${mode}: begins`);
  spawnSync('kubectl', ['delete', 'namespace', namespace, '--ignore-not-found', '--wait'], {
    stdio: 'ignore',
  });
  k('create', 'namespace', namespace);
  // The strictest of the Pod Security Standards holds for all that the chart makes.
  k('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted');
  execFileSync('kubectl', [
    '--namespace',
    namespace,
    'create',
    'configmap',
    'calls',
    `--from-file=${join(here, 'caller.mjs')}`,
  ]);
  const env = {
    API: 'http://shop-ecatalog/api/v1',
    ADMIN_EMAIL: values.config.adminEmail,
    ADMIN_PASSWORD: secrets.adminPassword,
  };
  const listen = ['node', '/calls/caller.mjs', 'listen', '8080'];
  const mounts = [{ name: 'calls', mountPath: '/calls' }];
  const volumes = [{ name: 'calls', configMap: { name: 'calls' } }];
  apply(
    ...['caller', 'monitor', 'stranger'].map((role) =>
      pod(
        namespace,
        role,
        { image: `${repository}:${tags.first}`, command: listen, volumeMounts: mounts, ...envOf(env) },
        volumes,
      ),
    ),
    ...(sqlite ? [] : postgres(namespace, password)),
  );
  k('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=180s');

  await succeed('install', {}, '--timeout', '5m');
  say(`${mode}: installed, serving ${tagsServing()} by ${running().length}`);
  if (!sqlite) assert.equal(pods('migrate').length, 0);
  await succeed('test');
  say(`${mode}: helm test passed`);
  const demo = caller('write', 'Before');
  assert.equal(caller('read', demo), 'Before');
  say(`${mode}: signed in and wrote through the Service`);

  judge(
    'an upgrade with a migration',
    await meanwhile(() => succeed('upgrade', release('next'), '--timeout', '5m')),
  );
  assert.equal(tagsServing(), 'next');
  assert.equal(caller('read', demo), 'Before');

  const before = running()
    .map(({ metadata }) => metadata.name)
    .sort();
  const failing = await meanwhile(async () => {
    const { ok, err } = await helm('upgrade', release('broken'), '--timeout', '90s');
    assert.equal(ok, false, 'the broken release was taken');
    say(`${mode}: a release whose migration fails is refused: ${err.split('\n').pop()}`);
    assert.equal(status(), 'failed');
    if (!sqlite) return;
    const log = k('logs', 'deployment/shop-ecatalog', '--container', 'migrate');
    assert.match(log, /nowhere/);
  });
  if (!sqlite) {
    assert.match(k('logs', 'job/shop-ecatalog-migrate'), /nowhere/);
    assert.deepEqual(
      running()
        .map(({ metadata }) => metadata.name)
        .sort(),
      before,
    );
    assert.equal(caller('read', demo), 'Before');
  }
  judge('an upgrade whose migration fails', failing);

  const rollback = () => succeed('rollback', {}, '1', '--wait', '--timeout', '5m');
  // On SQLite nothing serves before it.
  if (sqlite) await rollback();
  else judge('a rollback, on the newer schema', await meanwhile(rollback));
  assert.equal(tagsServing(), tags.first);
  assert.equal(caller('read', demo), 'Before');
  say(`${mode}: rolled back to ${tagsServing()}, what was written is there`);

  const [victim] = running();
  const after = caller('write', 'After');
  k('delete', 'pod', victim.metadata.name, '--grace-period=0', '--force');
  k('rollout', 'status', 'deployment/shop-ecatalog', '--timeout=180s');
  await until(() => caller('read', after) === 'After');
  assert.equal(caller('read', demo), 'Before');
  say(`${mode}: a pod was killed; what was written is there`);

  reachability(k, namespace, sqlite, running()[0].metadata.name, mode);
  // By the release that knows the schema, too; what the older one made is put back below.
  await backedUp(k, mode, 'older');
  await succeed('upgrade', release('next'), '--timeout', '5m');
  say(`${mode}: forward again`);
  await backedUp(k, mode, 'newer');
  const late = caller('write', 'After the backup');
  await succeed('upgrade', { ...release('next'), maintenance: true }, '--timeout', '3m');
  await until(() => running().length === 1);
  const ecatalog = (...args) =>
    k('exec', 'deployment/shop-ecatalog', '--container', 'api', '--', 'ecatalog', ...args);
  const { name: file } = JSON.parse(ecatalog('--json', 'backup', 'list')).at(-1);
  const restored = ecatalog('backup', 'restore', '--replace', `/backup/${file}`);
  await succeed('upgrade', release('next'), '--timeout', '5m');
  assert.equal(caller('read', demo), 'Before');
  assert.equal(caller('read', late), 'status 404');
  say(`${mode}: in maintenance: ${restored.split('\n')[0]}`);

  if (sqlite) {
    await succeed('uninstall', {}, '--wait');
    assert.match(
      k('get', 'persistentvolumeclaim', 'shop-ecatalog-data', '--output', 'name'),
      /shop-ecatalog-data/,
    );
    await succeed(
      'install',
      { persistence: { existingClaim: 'shop-ecatalog-data' }, backup: { enabled: false } },
      '--timeout',
      '5m',
    );
    assert.equal(caller('read', demo), 'Before');
    say(`${mode}: uninstalled, and installed again on the volume that stayed`);
  }
  if (!process.env.KEEP) kubectl('delete', 'namespace', namespace, '--wait=false');
}

/** Who may talk to whom. A connection that is refused by a policy is one that does not open. */
function reachability(k, namespace, sqlite, app, mode) {
  const address = (name) => k('get', 'pod', name, '--output', 'jsonpath={.status.podIP}');
  const script =
    'const [h, p] = process.argv.slice(1); const s = require("net").connect(p, h);' +
    's.setTimeout(4000, () => (console.log("no"), s.destroy())).on("connect", () => (console.log("yes"), s.destroy())).on("error", () => console.log("no"))';
  const reach = (from, host, port) =>
    from === 'app'
      ? k('exec', app, '--container', 'api', '--', 'node', '--eval', script, host, String(port))
      : k('exec', from, '--', 'node', '/calls/caller.mjs', 'reach', host, String(port));
  const expected = [
    ['caller', address(app), 3000, 'yes'],
    ['stranger', address(app), 3000, 'no'],
    ['stranger', 'shop-ecatalog', 80, 'no'],
    ['monitor', address(app), 9464, 'yes'],
    ['monitor', address(app), 3000, 'no'],
    ['caller', address(app), 9464, 'no'],
    ['app', address('stranger'), 8080, 'no'],
    ['caller', address('stranger'), 8080, 'yes'],
    ...(sqlite ? [] : [['app', 'postgres', 5432, 'yes']]),
  ];
  for (const [from, to, port, answer] of expected) {
    assert.equal(reach(from, to, port), answer, `${from} to ${to}:${port}`);
    say(`${mode}: ${from} reaches ${to}:${port}: ${answer}`);
  }
}

async function backedUp(k, mode, release) {
  const job = `backup-by-${release}`;
  k('create', 'job', '--from=cronjob/shop-ecatalog-backup', job);
  await until(() => {
    const { succeeded, failed } = JSON.parse(k('get', 'job', job, '--output', 'json')).status;
    assert.ok(!(failed > 0), failed && k('logs', `job/${job}`, '--container', 'create'));
    return succeeded === 1;
  }, 180);
  say(
    `${mode}: the CronJob of the ${release} release backed up: ${k('logs', `job/${job}`, '--container', 'create').split('\n').pop()}`,
  );
}

function postgres(namespace, password) {
  const container = {
    image: postgresImage,
    readinessProbe: { exec: { command: ['pg_isready', '--host', '127.0.0.1'] }, periodSeconds: 1 },
    volumeMounts: [
      { name: 'data', mountPath: '/var/lib/postgresql' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
    ...envOf({ PGDATA: '/var/lib/postgresql/data', POSTGRES_PASSWORD: password }),
  };
  const volumes = [
    { name: 'data', emptyDir: {} },
    { name: 'tmp', emptyDir: {} },
  ];
  return [
    pod(namespace, 'postgres', container, volumes, 10002),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'postgres', namespace },
      spec: { selector: { role: 'postgres' }, ports: [{ port: 5432 }] },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'backups', namespace },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  ];
}

function envOf(variables) {
  return { env: Object.entries(variables).map(([name, value]) => ({ name, value })) };
}

/** A pod beside the release that the Pod Security Standards let in. */
function pod(namespace, role, container, volumes, user = 10001) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: role, namespace, labels: { role } },
    spec: {
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: user,
        fsGroup: user,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: role,
          imagePullPolicy: 'IfNotPresent',
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          ...container,
        },
      ],
      volumes,
    },
  };
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(holds, seconds = 60) {
  for (const deadline = Date.now() + seconds * 1000; ; await sleep(500)) {
    let fault;
    try {
      if (holds()) return;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      fault = error;
    }
    if (Date.now() > deadline) throw fault ?? new Error(`${holds} did not come true`);
  }
}
