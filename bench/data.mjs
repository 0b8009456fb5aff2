/**
 * The data of the benchmark: made once for each size, from a fixed seed, and kept in bench/data (git-ignored). The
 * schema comes from the product's own migrations, the rollups from the events, as in docs/speed.md.
 */
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Sqlite } from '../dist/src/database/sqlite/sqlite.js';
import { digest } from '../dist/src/common/ids.js';
import { searchable } from '../dist/src/common/text.js';
import { PasswordHasher } from '../dist/src/auth/password-hasher.js';

const root = join(import.meta.dirname, '..');
export const FOLDER = join(import.meta.dirname, 'data');

/** Another one makes new files: count it up with every change of what is generated. */
const VERSION = 1;

/** The last day with usage; a year before it the first. Analytics is asked for the 30 days that end with it. */
export const LAST_DAY = '2026-11-01';
const DAY = 86_400_000;
const YEAR = 365;
const EPOCH = Date.parse('2026-01-01T00:00:00.000Z');

const CATEGORIES = 20;
const WORDS = 200;
const GRANTS_OF_CLIENT = 20;
export const IMAGES_OF_DEMO = 3;
export const PASSWORD = 'correct horse battery staple';

const KINDS = {
  user: 1,
  client: 2,
  demo: 3,
  image: 4,
  session: 5,
  grant: 6,
  usage: 7,
  demoSession: 8,
  change: 9,
};

/** The id of the `number`th of its kind: a UUIDv7 that is the same in every run. */
export function idOf(kind, number) {
  const time = (EPOCH + number).toString(16).padStart(12, '0');
  const rest = number.toString(16).padStart(11, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${KINDS[kind]}00-8${rest.slice(0, 3)}-0000${rest.slice(3)}`;
}

export const emailOf = (number) => `client${number}@example.com`;

/** What clients search for: a word of the titles. */
export const wordOf = (number) => `${SYLLABLES[number % 10]}${SYLLABLES[Math.floor(number / 10) % 20]}er`;
export const categoryOf = (number) => `category ${String(number % CATEGORIES).padStart(2, '0')}`;

const SYLLABLES =
  'fleet scan cargo rail port dock yard route track load sort pack lift crane belt tank pump valve gate grid'.split(
    ' ',
  );

/** The pairs of a client and a demo that it may open, in an order in which each is another client's. */
export function grantOf(number, { clients, demos }) {
  const client = number % clients;
  const turn = Math.floor(number / clients);
  return { client, demo: (client * 7 + turn * 501) % demos };
}

/**
 * The file with the data of a size, made if it is not there yet.
 * @returns its path; copy it before you write to it
 */
export async function dataFile(size, say) {
  const sources = readdirSync(join(root, 'migrations')).filter((name) => name.endsWith('.ts'));
  const hash = createHash('sha256').update(String(VERSION));
  for (const name of sources.sort()) hash.update(readFileSync(join(root, 'migrations', name)));
  const name = `${size.demos}-${size.clients}-${size.events}-${hash.digest('hex').slice(0, 12)}.db`;
  const path = join(FOLDER, name);
  if (existsSync(path)) return path;
  mkdirSync(FOLDER, { recursive: true });
  const draft = `${path}.draft`;
  rmSync(draft, { force: true });
  say(`making ${name} …`);
  execFileSync(process.execPath, [join(root, 'dist/src/cli.js'), 'migrate', 'up'], {
    cwd: FOLDER,
    stdio: 'pipe',
    env: { PATH: process.env.PATH, DATABASE_URL: `sqlite:${draft}` },
  });
  const passwordHash = await new PasswordHasher().hash(PASSWORD);
  const database = new Sqlite(draft);
  for (const pragma of [
    // Out of the WAL first, or it stays.
    'journal_mode = DELETE',
    'journal_mode = OFF',
    'synchronous = OFF',
    'cache_size = -262144',
    'temp_store = MEMORY',
  ])
    database.pragma(pragma);
  database.transaction(() => {
    people(database, size, passwordHash);
    catalog(database, size);
    usage(database, size);
  })();
  database.exec('ANALYZE');
  // As the product leaves a file that it migrated.
  database.pragma('journal_mode = WAL');
  database.close();
  renameSync(draft, path);
  say(`made it: ${Math.round(statSync(path).size / 1e6)} MB`);
  return path;
}

/** What the app writes for an instant. */
const instant = (ms) => new Date(ms).toISOString().slice(0, -1).replace('T', ' ');
const NOW = instant(EPOCH);
const NEVER = '2099-01-01 00:00:00.000';

function inserter(database, table, columns) {
  const names = columns.map((column) => `"${column}"`).join(', ');
  const statement = database.prepare(
    `INSERT INTO "${table}" (${names}) VALUES (${columns.map(() => '?').join(', ')})`,
  );
  return (...values) => statement.run(...values);
}

function people(database, { clients }, passwordHash) {
  const timed = ['version', 'created_at', 'updated_at'];
  const user = inserter(database, 'users', ['id', 'name', 'email', 'role', 'language', ...timed]);
  const client = inserter(database, 'clients', [
    ...['id', 'name', 'email', 'company', 'language', 'search_text', 'access_starts_at', 'access_ends_at'],
    ...timed,
  ]);
  const change = inserter(database, 'client_access_changes', [
    ...['id', 'client_id', 'at', 'access_starts_at', 'access_ends_at'],
  ]);
  const credentials = inserter(database, 'credentials', [
    'email_key',
    'user_id',
    'client_id',
    'password_hash',
  ]);
  const session = inserter(database, 'sessions', [
    ...['id', 'user_id', 'client_id', 'created_at', 'last_used_at', 'expires_at', 'absolute_expires_at'],
  ]);
  user(idOf('user', 0), 'Administrator', 'admin@example.com', 'admin', 'en', 1, NOW, NOW);
  credentials('admin@example.com', idOf('user', 0), null, passwordHash);
  session(idOf('session', clients), idOf('user', 0), null, NOW, NOW, NEVER, NEVER);
  for (let number = 0; number < clients; number += 1) {
    const id = idOf('client', number);
    const [name, email, company] = [`Client ${number}`, emailOf(number), `Company ${number % 500}`];
    const at = instant(EPOCH + number);
    client(id, name, email, company, 'en', searchable(1000, name, email, company), NOW, NEVER, 1, at, at);
    change(idOf('change', number), id, NOW, NOW, NEVER);
    credentials(email, null, id, passwordHash);
    session(idOf('session', number), null, id, NOW, NOW, NEVER, NEVER);
  }
  // Room for as many sessions as are opened in a run, and an address for containers.
  const setting = inserter(database, 'system_config', [
    'key',
    'value',
    'version',
    'created_at',
    'updated_at',
  ]);
  for (const cap of ['maxLivePerClient', 'maxLivePerDemo', 'maxLive'])
    setting(`demoSession.${cap}`, '1000000', 2, NOW, NOW);
  setting('launch.containerUrlTemplate', '"https://{slug}.demo.example.com"', 2, NOW, NOW);
}

function catalog(database, { demos, clients }) {
  const timed = ['version', 'created_at', 'updated_at'];
  const image = inserter(database, 'docker_images', [
    ...['id', 'reference', 'registry', 'repository', 'tag', 'digest', 'size_bytes', 'resolved_at'],
    ...timed,
  ]);
  const demo = inserter(database, 'demos', [
    ...[
      'id',
      'slug',
      'title',
      'summary',
      'description',
      'category',
      'tags',
      'status',
      'launch_kind',
      'launch_url',
    ],
    ...['launch_image_id', 'launch_container', 'search_text', 'published_at'],
    ...timed,
  ]);
  const grant = inserter(database, 'client_demo_access', [
    ...['id', 'client_id', 'demo_id', 'granted_by_kind', 'granted_by_id', 'granted_at'],
  ]);
  const random = randomNumbers(2);
  const word = () => wordOf(Math.floor(random() * WORDS));
  const words = (count) => Array.from({ length: count }, word).join(' ');
  for (let number = 0; number < demos; number += 1) {
    const at = instant(EPOCH + number);
    for (let tag = 0; tag < IMAGES_OF_DEMO; tag += 1) {
      const repository = `demos/demo-${number}`;
      const name = `registry.example.com/${repository}:1.${tag}`;
      const id = idOf('image', number * IMAGES_OF_DEMO + tag);
      image(
        id,
        name,
        'registry.example.com',
        repository,
        `1.${tag}`,
        `sha256:${digest(name)}`,
        1e8,
        at,
        1,
        at,
        at,
      );
    }
    const [title, summary, category] = [words(3), words(8), categoryOf(number)];
    const tags = [word(), word()];
    const isLink = number % 2 === 0;
    demo(
      ...[
        idOf('demo', number),
        `demo-${number}`,
        title,
        summary,
        words(60),
        category,
        JSON.stringify(tags),
        'published',
      ],
      ...(isLink
        ? ['link', `https://demo-${number}.example.com`, null, null]
        : ['container', null, idOf('image', number * IMAGES_OF_DEMO), '{"port":8080}']),
      ...[searchable(8000, title, summary, category, ...tags), at, 1, at, at],
    );
  }
  for (let number = 0; number < clients * GRANTS_OF_CLIENT; number += 1) {
    const pair = grantOf(number, { clients, demos });
    const ids = [idOf('grant', number), idOf('client', pair.client), idOf('demo', pair.demo)];
    grant(...ids, 'user', idOf('user', 0), NOW);
  }
}

/** Two events a session, over a year; some demos and clients are used more than others. */
function usage(database, { demos, clients, events }) {
  const indexes = database
    .prepare(
      `SELECT "name", "sql" FROM "sqlite_master" WHERE "type" = 'index' AND "tbl_name" = 'usage_analytics'`,
    )
    .all()
    .filter(({ sql }) => sql !== null);
  for (const { name } of indexes) database.exec(`DROP INDEX "${name}"`);
  const event = inserter(database, 'usage_analytics', [
    ...['id', 'demo_session_id', 'client_id', 'demo_id', 'kind', 'at', 'duration_seconds'],
  ]);
  const random = randomNumbers(3);
  const skewed = (count) => Math.floor(count * random() ** 2);
  const start = Date.parse(`${LAST_DAY}T00:00:00.000Z`) - (YEAR - 1) * DAY;
  const sessions = events / 2;
  for (let number = 0; number < sessions; number += 1) {
    const at = start + Math.floor((number / sessions) * YEAR * DAY);
    const seconds = 60 + Math.floor(random() * 3_600);
    const ids = [idOf('demoSession', number), idOf('client', skewed(clients)), idOf('demo', skewed(demos))];
    event(idOf('usage', number * 2), ...ids, 'opened', instant(at), null);
    event(idOf('usage', number * 2 + 1), ...ids, 'ended', instant(at + seconds * 1000), seconds);
  }
  for (const { sql } of indexes) database.exec(sql);
  rollups(database);
}

function rollups(database) {
  database.exec(`
    CREATE TEMP TABLE "sessions_of_usage" AS
      SELECT substr(o."at", 1, 10) AS "day", o."demo_id", o."client_id", o."at", e."duration_seconds"
      FROM "usage_analytics" o JOIN "usage_analytics" e ON e."rowid" = o."rowid" + 1
      WHERE o."kind" = 'opened';
    INSERT INTO "usage_daily" ("day", "demo_id", "client_id", "opens", "duration_seconds", "last_opened_at")
      SELECT "day", "demo_id", "client_id", count(*), sum("duration_seconds"), max("at")
      FROM "sessions_of_usage" GROUP BY 1, 2, 3;
    INSERT INTO "usage_daily_clients" ("day", "client_id", "opens", "duration_seconds", "last_opened_at")
      SELECT "day", "client_id", sum("opens"), sum("duration_seconds"), max("last_opened_at")
      FROM "usage_daily" GROUP BY 1, 2;
    INSERT INTO "usage_daily_totals" ("day", "opens", "unique_clients", "duration_seconds")
      SELECT "day", sum("opens"), count(*), sum("duration_seconds") FROM "usage_daily_clients" GROUP BY 1;
    INSERT INTO "usage_client_buckets" ("bucket", "start", "client_id")
      SELECT DISTINCT 'month', substr("day", 1, 7) || '-01', "client_id" FROM "usage_daily_clients"
      UNION SELECT 'week', date("day", 'weekday 0', '-6 days'), "client_id" FROM "usage_daily_clients";
    DROP TABLE "sessions_of_usage"`);
  for (const [what, source] of [
    ['demo', 'usage_daily'],
    ['client', 'usage_daily_clients'],
  ])
    database.exec(`
      INSERT INTO "usage_${what}_totals" ("${what}_id", "opens", "duration_seconds", "last_opened_at")
        SELECT "${what}_id", sum("opens"), sum("duration_seconds"), max("last_opened_at") FROM "${source}" GROUP BY 1;
      INSERT INTO "usage_${what}_balances" ("${what}_id", "day", "opens", "duration_seconds")
        SELECT "${what}_id", "day", sum("opens") OVER "earlier" - "opens", sum("seconds") OVER "earlier" - "seconds"
        FROM (SELECT "${what}_id", "day", sum("opens") AS "opens", sum("duration_seconds") AS "seconds"
          FROM "${source}" GROUP BY 1, 2)
        WINDOW "earlier" AS (PARTITION BY "${what}_id" ORDER BY "day")`);
  database.exec(`
    UPDATE "usage_demo_balances" SET "last_clients" = l."clients"
    FROM (SELECT "demo_id", "last", count(*) AS "clients" FROM
      (SELECT "demo_id", max("day") AS "last" FROM "usage_daily" GROUP BY "client_id", "demo_id") GROUP BY 1, 2) l
    WHERE l."demo_id" = "usage_demo_balances"."demo_id" AND l."last" = "usage_demo_balances"."day"`);
}

/** Mulberry32: numbers in [0, 1) that are the same in every run. */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
