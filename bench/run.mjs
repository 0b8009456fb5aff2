/**
 * `npm run bench`: the table of docs/speed.md, measured here and now. A benchmark, never a test: what it finds is
 * printed, and its exit code says only whether it could measure.
 *
 *   npm run bench                          all, with the sizes of the bar
 *   npm run bench -- --quick               small sizes and short rounds: does it work, and roughly how fast
 *   npm run bench -- --only read,page      some parts: read, page, open, analytics, catalog, start, idle, signin
 *   npm run bench -- --json                the results as JSON on stdout; the table goes to stderr
 *   --demos N --clients N --events N       the data (10,000, 5,000, 1,000,000)
 *   --more-demos N --more-events N         what page and analytics are held against (100,000, 10,000,000)
 *   --connections N --rounds N --seconds N    16 connections; 5 rounds of 3 s of each side, in turn
 *   --postgres                             the product alone, also on the server of TEST_DATABASE_URL
 *
 * Ratios are medians over rounds in which the two sides take turns, so that what else the machine does meets both.
 */
import { createSecretKey } from 'node:crypto';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import jwt from 'jsonwebtoken';
import { ACCESS_AUDIENCE, ALGORITHM, ISSUER } from '../dist/src/auth/tokens.service.js';
import { Sqlite } from '../dist/src/database/sqlite/sqlite.js';
import { categoryOf, dataFile, emailOf, grantOf, idOf, LAST_DAY, PASSWORD, wordOf } from './data.mjs';
import { ask, load, request } from './load.mjs';
import { postgresCopy } from './postgres.mjs';
import { JWT_SECRET, scratchCopy, startApp, startLimit } from './servers.mjs';

const PARTS = ['read', 'page', 'open', 'analytics', 'catalog', 'start', 'idle', 'signin'];
const number = { type: 'string' };
const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    json: { type: 'boolean' },
    postgres: { type: 'boolean' },
    only: { type: 'string' },
    demos: number,
    clients: number,
    events: number,
    'more-demos': number,
    'more-events': number,
    connections: number,
    rounds: number,
    seconds: number,
  },
});
const sizes = flags.quick
  ? {
      demos: 1_000,
      clients: 500,
      events: 20_000,
      moreDemos: 10_000,
      moreEvents: 200_000,
      rounds: 2,
      seconds: 1,
    }
  : { demos: 10_000, clients: 5_000, events: 1e6, moreDemos: 1e5, moreEvents: 1e7, rounds: 5, seconds: 3 };
const {
  demos = sizes.demos,
  clients = sizes.clients,
  events = sizes.events,
  'more-demos': moreDemos = sizes.moreDemos,
  'more-events': moreEvents = sizes.moreEvents,
  connections = 16,
  rounds = sizes.rounds,
  seconds = sizes.seconds,
} = Object.fromEntries(
  Object.entries(flags)
    .filter(([, value]) => /^\d+$/.test(value))
    .map(([name, value]) => [name, Number(value)]),
);
const parts = flags.only?.split(',') ?? PARTS;
const strange = parts.filter((part) => !PARTS.includes(part));
if (strange.length > 0) {
  console.error(`There is no part ${strange.join(', ')}; the header of bench/run.mjs names them.`);
  process.exit(2);
}
const wants = (...some) => some.some((part) => parts.includes(part));
const size = { demos, clients, events };
const key = createSecretKey(Buffer.from(JWT_SECRET));
const say = (text) => process.stderr.write(`${text}\n`);
const results = [];

if (wants('read', 'page', 'open')) await againstTheLimit();
if (wants('analytics')) await analyticsByEvents();
if (wants('catalog')) await pageByDemos();
if (wants('start', 'idle')) await startAndIdle();
if (wants('signin')) await signIns();
if (flags.postgres) await onPostgres();

const head = {
  date: new Date().toISOString(),
  node: process.version,
  processors: `${cpus().length} × ${cpus()[0].model}`,
  ...{ demos, clients, events, moreDemos, moreEvents, connections, rounds, seconds },
};
const table = tableOf(results);
if (flags.json) {
  say(table);
  console.log(JSON.stringify({ ...head, results }, undefined, 2));
} else {
  console.log(
    `${Object.entries(head)
      .map(([name, value]) => `${name} ${value}`)
      .join(' · ')}\n\n${table}`,
  );
}
process.exit(0);

/** What clients do, with the product and with the limit, each on a copy of the same file. */
async function againstTheLimit() {
  const file = await dataFile(size, say);
  const copies = [scratchCopy(file), scratchCopy(file)];
  const app = await startApp(`sqlite:${copies[0]}`);
  const limit = await startLimit(copies[1]);
  const sides = { app, limit };
  if (wants('read')) results.push(await compared('one demo by id, signed in', sides, reads(), { bar: 0.7 }));
  if (wants('page'))
    results.push(await compared('a page of 20, filtered, searched, counted', sides, pages(), { bar: 0.75 }));
  if (wants('open')) {
    const opening = { bar: 1, status: 201, before: () => copies.forEach(endSessions) };
    results.push(await compared('open a demo', sides, opens(), opening));
  }
  await app.stop();
  await limit.stop();
}

/** The same questions over a year of events and over ten times as many in the same year. */
async function analyticsByEvents() {
  const few = await startApp(`sqlite:${scratchCopy(await dataFile(size, say))}`);
  const many = await startApp(`sqlite:${scratchCopy(await dataFile({ ...size, events: moreEvents }, say))}`);
  const from = new Date(Date.parse(LAST_DAY) - 29 * 86_400_000).toISOString();
  const to = new Date(Date.parse(LAST_DAY) + 86_400_000).toISOString();
  const [period, token] = [`from=${from}&to=${to}`, tokenOf('user', 0, clients)];
  for (const [name, path] of [
    ['overview of 30 days', `overview?${period}`],
    ['opens of 30 days by day', `opens?${period}`],
    ['demos of 30 days by opens', `demos?${period}`],
    ['opens of a year by month', `opens?bucket=month&from=2025-11-02T00:00:00.000Z&to=${to}`],
  ]) {
    const ask = request('GET', `/api/v1/analytics/${path}`, { token });
    const names = { app: `at ${short(moreEvents)} events`, limit: `at ${short(events)}` };
    results.push(
      await compared(`analytics: ${name}`, { app: many, limit: few }, () => ask, { bar: 0.75, names }),
    );
  }
  await few.stop();
  await many.stop();
}

/** The same page out of ten times as many demos. */
async function pageByDemos() {
  const few = await startApp(`sqlite:${scratchCopy(await dataFile(size, say))}`);
  const many = await startApp(
    `sqlite:${scratchCopy(await dataFile({ ...size, demos: moreDemos, events: 0 }, say))}`,
  );
  const names = { app: `at ${short(moreDemos)} demos`, limit: `at ${short(demos)}` };
  results.push(
    await compared('a page of 20 of a larger catalog', { app: many, limit: few }, pages(), {
      bar: 0.4,
      names,
    }),
  );
  await few.stop();
  await many.stop();
}

/** From the start of the process to the first 200 of /health/ready, and the memory of a process that does nothing. */
async function startAndIdle() {
  const copy = scratchCopy(await dataFile(size, say));
  const times = [];
  const memory = [];
  for (let round = 0; round < Math.max(3, rounds); round += 1) {
    const app = await startApp(`sqlite:${copy}`, { JOBS_TICK_MS: undefined });
    times.push(app.readyMs);
    if (wants('idle') && round < 2) {
      await new Promise((resolve) => setTimeout(resolve, flags.quick ? 1_000 : 10_000));
      memory.push(app.rssMiB());
    }
    await app.stop();
  }
  if (wants('start')) results.push(single('cold start to ready', median(times), 'ms', 1_500));
  if (wants('idle')) results.push(single('idle RSS', median(memory), 'MiB', 160));
}

/** Signing in tells nobody by its time which accounts there are, and does not hold up the rest. */
async function signIns() {
  const copy = scratchCopy(await dataFile(size, say));
  const app = await startApp(`sqlite:${copy}`);
  const signIn = (email, password) => request('POST', '/api/v1/auth/login', { body: { email, password } });
  const wrong = 'quite another password';
  const locked = { known: emailOf(0), unknown: 'nobody@example.com' };
  for (const email of Object.values(locked))
    for (let tries = 0; tries < 11; tries += 1) await ask(app.port, signIn(email, wrong));
  const kinds = {
    unknown: (turn) => signIn(`nobody${turn}@example.com`, wrong),
    known: (turn) => signIn(emailOf(1 + turn), wrong),
    'unknown locked': () => signIn(locked.unknown, wrong),
    'known locked': () => signIn(locked.known, wrong),
  };
  const times = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
  // Each kind comes as often after every other: what follows a hash meets cold caches.
  const orders = Object.keys(kinds).map((_, turn, all) => [...all.slice(turn), ...all.slice(0, turn)]);
  for (let turn = 0; turn < rounds * 12; turn += 1)
    for (const kind of turn % 8 < 4 ? orders[turn % 4] : orders[turn % 4].toReversed())
      times[kind].push((await ask(app.port, kinds[kind](turn))).ms);
  // A lock answers 429 at once, whether there is such an account or not: each is held against its like.
  for (const lock of ['', ' locked']) {
    const [known, unknown] = [median(times[`known${lock}`]), median(times[`unknown${lock}`])];
    const apart = (Math.max(known, unknown) / Math.min(known, unknown) - 1) * 100;
    const detail = `known ${known.toFixed(1)} ms, unknown ${unknown.toFixed(1)} ms`;
    results.push(single(`sign-in${lock}: medians apart`, apart, '%', 10, detail));
  }

  const health = request('GET', '/health/live');
  const latencies = [];
  let next = clients / 2;
  for (let round = 0; round < 3; round += 1) {
    let busy = true;
    const probes = load({
      port: app.port,
      connections: 2,
      next: () => (busy ? health : undefined),
      expected: 200,
    });
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => ask(app.port, signIn(emailOf((next += 1)), PASSWORD))),
    );
    busy = false;
    latencies.push((await probes).p99);
    const failed = answers.filter(({ status }) => status !== 200).length;
    if (failed > 0) say(`${failed} of 50 sign-ins failed`);
  }
  results.push(single('50 sign-ins at once: p99 of /health/live', median(latencies), 'ms', 100));
  await app.stop();
}

/** The product alone on PostgreSQL: rates, without a limit beside them. */
async function onPostgres() {
  if (!process.env.TEST_DATABASE_URL) throw new Error('--postgres needs TEST_DATABASE_URL');
  const {
    url,
    endSessions: end,
    drop,
  } = await postgresCopy(await dataFile(size, say), process.env.TEST_DATABASE_URL, say);
  const app = await startApp(url);
  const work = {
    'one demo by id, signed in': [reads(), 200],
    'a page of 20, filtered, searched, counted': [pages(), 200],
    'open a demo': [opens(), 201],
  };
  for (const [name, [next, expected]] of Object.entries(work)) {
    const rates = [];
    for (let round = 0; round < rounds; round += 1) {
      await end();
      rates.push((await load({ port: app.port, connections, seconds, next, expected })).rate);
    }
    results.push({ work: `PostgreSQL: ${name}`, rate: median(rates) });
  }
  await app.stop();
  await drop();
}

function tokenOf(kind, account, session) {
  const claims = { sub: idOf(kind, account), sid: idOf('session', session), kind };
  return jwt.sign(claims, key, {
    algorithm: ALGORITHM,
    issuer: ISSUER,
    audience: ACCESS_AUDIENCE,
    expiresIn: '10h',
  });
}

function reads() {
  const requests = Array.from({ length: 2_000 }, (_, turn) =>
    request('GET', `/api/v1/demos/${idOf('demo', (turn * 37) % demos)}`, {
      token: tokenOf('client', turn % clients, turn % clients),
    }),
  );
  return inTurn(requests);
}

function pages() {
  const requests = Array.from({ length: 500 }, (_, turn) => {
    const query = `category=${encodeURIComponent(categoryOf(turn))}&search=${wordOf(turn * 7)}`;
    const token = tokenOf('client', turn % clients, turn % clients);
    return request('GET', `/api/v1/demos?${query}`, { token });
  });
  return inTurn(requests);
}

/** Each opening is the first of its client and demo, until all pairs were opened and the sessions ended again. */
function opens() {
  const tokens = Array.from({ length: clients }, (_, client) => tokenOf('client', client, client));
  let turn = 0;
  return () => {
    const { client, demo } = grantOf(turn++ % (clients * 20), { clients, demos });
    return request('POST', `/api/v1/demos/${idOf('demo', demo)}/open`, { token: tokens[client] });
  };
}

function inTurn(requests) {
  let turn = 0;
  return () => requests[turn++ % requests.length];
}

/** Ends all demo sessions between two rounds, so that each begins alike. */
function endSessions(file) {
  const database = new Sqlite(file, { timeout: 5_000 });
  database.exec(
    `UPDATE "demo_sessions" SET "ended_at" = "opened_at", "end_reason" = 'closed' WHERE "ended_at" IS NULL`,
  );
  database.close();
}

/** Lets two sides take turns. @returns the medians, and that of the ratios of each round */
async function compared(work, sides, next, { bar, status = 200, before, names = {} }) {
  const rounds_ = [];
  for (const side of Object.values(sides)) await warmUp(side);
  for (let round = 0; round < rounds; round += 1) {
    before?.();
    const order = round % 2 === 0 ? ['app', 'limit'] : ['limit', 'app'];
    const measured = {};
    for (const name of order) measured[name] = await run(sides[name], seconds);
    rounds_.push({ ...measured, ratio: measured.app.rate / measured.limit.rate });
  }
  const result = { work, bar, names };
  for (const name of ['app', 'limit']) {
    const of = (field) => median(rounds_.map((one) => one[name][field]));
    result[name] = { rate: of('rate'), p50: of('p50'), p99: of('p99'), cpuUs: of('cpuUs') };
  }
  result.ratio = median(rounds_.map(({ ratio }) => ratio));
  result.ratios = rounds_.map(({ ratio }) => ratio);
  result.cpuRatio = result.limit.cpuUs / result.app.cpuUs;
  say(`${work}: ${result.ratio.toFixed(2)}`);
  return result;

  /** By number, not by time: on a busy machine seconds are too few for code to be compiled. */
  async function warmUp({ port }) {
    let left = flags.quick ? 500 : status === 201 ? 1_500 : 5_000;
    const some = () => (left-- > 0 ? next() : undefined);
    await load({ port, connections, seconds: 30, next: some, expected: status });
  }

  async function run(side, duration) {
    const cpu = side.cpuMs();
    const answer = await load({ port: side.port, connections, seconds: duration, next, expected: status });
    if (Object.keys(answer.unexpected).length > 0)
      throw new Error(`${work}: unexpected answers ${JSON.stringify(answer.unexpected)}`);
    return { ...answer, cpuUs: ((side.cpuMs() - cpu) / answer.count) * 1000 };
  }
}

function single(work, value, unit, bar, detail) {
  say(`${work}: ${value?.toFixed(1)} ${unit}`);
  return { work, value, unit, bar, detail };
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function short(count) {
  return count >= 1e6 ? `${count / 1e6}M` : count >= 1_000 ? `${count / 1_000}k` : String(count);
}

function tableOf(rows) {
  const lines = rows.map((row) => {
    const { work, bar, value, unit, detail, app, limit, ratio, ratios, cpuRatio, names, rate } = row;
    if (rate !== undefined) return [work, `${perSecond(rate)}`, '', '', '', ''];
    if (app === undefined)
      return [
        work,
        `${value.toFixed(value < 100 ? 1 : 0)} ${unit}${detail ? ` (${detail})` : ''}`,
        '',
        '',
        `≤ ${bar} ${unit}`,
        value <= bar ? 'met' : 'MISSED',
      ];
    const [least, most] = [Math.min(...ratios), Math.max(...ratios)].map((one) => one.toFixed(2));
    return [
      work,
      `${names.app ? `${names.app}: ` : ''}${side(app)}`,
      `${names.limit ? `${names.limit}: ` : ''}${side(limit)}`,
      `**${ratio.toFixed(2)}** (${least}–${most}; by processor time ${cpuRatio.toFixed(2)})`,
      `≥ ${bar.toFixed(2)}`,
      ratio >= bar ? 'met' : 'MISSED',
    ];
  });
  const header = ['work', 'measured', 'held against', 'ratio', 'bar', ''];
  return [header, header.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

  function side({ rate, p50, p99, cpuUs }) {
    return `${perSecond(rate)}, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${Math.round(cpuUs)} µs`;
  }
  function perSecond(rate) {
    return `${rate < 100 ? rate.toFixed(1) : Math.round(rate).toLocaleString('en')}/s`;
  }
}
