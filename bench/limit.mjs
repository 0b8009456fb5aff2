/**
 * The limit: what one process can do at best on this machine. Bare Fastify and prepared better-sqlite3 statements do
 * the same work as the product, by the same SQL: the token checked and its session read on every request, the same
 * answer made. It has no framework, no log, no request id, no limit of rates, no validation beyond what the SQL needs,
 * and its transactions are BEGIN IMMEDIATE … COMMIT within one turn of the event loop.
 *
 * Started by run.mjs with DATABASE_FILE and JWT_SECRET; tells its port by IPC.
 */
import { createHash, createSecretKey } from 'node:crypto';
import canonicalize from 'canonicalize';
import Fastify from 'fastify';
import jwt from 'jsonwebtoken';
import { addEntry, chainHead } from '../dist/src/audit/audit.queries.js';
import { sessionById } from '../dist/src/auth/auth.queries.js';
import { ACCESS_AUDIENCE, ALGORITHM, ISSUER, LAUNCH_AUDIENCE } from '../dist/src/auth/tokens.service.js';
import { newId } from '../dist/src/common/ids.js';
import { likeContaining } from '../dist/src/common/text.js';
import { convertRows, parseSql, render, textFor } from '../dist/src/database/sql.js';
import { SqliteConnection } from '../dist/src/database/sqlite/sqlite.js';
import {
  addSession,
  liveCounts,
  opening,
  openSessions,
  sessionTypes,
} from '../dist/src/demos/demo-sessions.queries.js';
import { clocksFrom, noRoom, refusalToOpen } from '../dist/src/demos/demo-sessions.rules.js';
import { catalogColumns, catalogDemoBy, catalogTypes } from '../dist/src/demos/demos.queries.js';
import { usageStatements } from './limit-usage.mjs';

const { DATABASE_FILE, JWT_SECRET } = process.env;
const key = createSecretKey(Buffer.from(JWT_SECRET));
const connection = SqliteConnection.writer(DATABASE_FILE, {
  synchronous: 'FULL',
  mustExist: true,
  openTimeoutMs: 1_000,
});
const { database } = connection;

/** Prepares SQL with named parameters. @returns its runners, which take the parameters by name */
function prepared(sql, types = {}) {
  const parts = parseSql(sql);
  const names = parts.filter((part) => typeof part !== 'string').map(({ name }) => name);
  const any = Object.fromEntries(names.map((name) => [name, null]));
  const statement = database.prepare(render(parts, 'sqlite', any).text);
  const bind = (parameters) =>
    names.map((name) => {
      const value = parameters[name] ?? null;
      return value instanceof Date ? value.toISOString().slice(0, -1).replace('T', ' ') : value;
    });
  return {
    run: (parameters) => statement.run(...bind(parameters)).changes,
    all: (parameters) => convertRows(statement.all(...bind(parameters)), types, 'sqlite'),
    get(parameters) {
      const row = statement.get(...bind(parameters));
      return row && convertRows([row], types, 'sqlite')[0];
    },
  };
}
const from = (query) => prepared(textFor(query.sql, 'sqlite'), query.types);

const sessionOf = from(sessionById);
const demo = from(catalogDemoBy.id);
const settings = prepared('SELECT "key", "value" FROM "system_config"', { value: 'json' });
const facts = from(opening);
const open = prepared(textFor(openSessions({ clientId: 'any' }), 'sqlite'), sessionTypes);
const live = from(liveCounts);
const head = from(chainHead);
const entry = from(addEntry);
const insertSession = from(addSession);
const addUsage = usageStatements(from);

const where = `d."status" = 'published' AND d."category" = :category AND d."search_text" LIKE :search ESCAPE '\\'`;
const page = prepared(
  `SELECT ${catalogColumns} FROM "demos" d WHERE ${where} ORDER BY d."created_at" DESC, d."id" DESC LIMIT 21`,
  catalogTypes,
);
const total = prepared(`SELECT count(*) AS "total" FROM "demos" d WHERE ${where}`);

const app = Fastify();

app.addHook('onRequest', async (request, reply) => {
  const token = request.headers.authorization.slice('Bearer '.length);
  const claims = jwt.verify(token, key, {
    algorithms: [ALGORITHM],
    issuer: ISSUER,
    audience: ACCESS_AUDIENCE,
  });
  const session = sessionOf.get({ sessionId: claims.sid });
  const now = new Date();
  if (!session || session.endedAt || session.expiresAt <= now || session.accessEndsAt <= now) {
    return reply.code(401).send();
  }
  request.clientId = session.clientId;
});

app.get('/api/v1/demos/:id', async (request, reply) => {
  const found = demo.get({ key: request.params.id, clientId: request.clientId, now: new Date() });
  return found ?? reply.code(404).send();
});

app.get('/api/v1/demos', async (request) => {
  const { category, search } = request.query;
  const parameters = {
    clientId: request.clientId,
    now: new Date(),
    category,
    search: likeContaining(search),
  };
  const items = page.all(parameters);
  return { items: items.slice(0, 20), nextCursor: items[20]?.id ?? null, ...total.get(parameters) };
});

const transaction = database.transaction((work) => work());

app.post('/api/v1/demos/:id/open', async (request, reply) => {
  const { clientId } = request;
  const demoId = request.params.id;
  const kept = new Map(settings.all({}).map(({ key: name, value }) => [name, value]));
  const answer = transaction.immediate(() => {
    const at = new Date();
    const found = facts.get({ demoId, clientId });
    if (refusalToOpen(found, at)) return undefined;
    const others = open.all({ clientId });
    const caps = {
      client: kept.get('demoSession.maxLivePerClient'),
      demo: kept.get('demoSession.maxLivePerDemo'),
      all: kept.get('demoSession.maxLive'),
    };
    if (noRoom({ client: others.length, ...live.get({ demoId, now: at }) }, caps)) return undefined;
    const windows = { ...found, clientEndsAt: found.accessEndsAt };
    const clocks = clocksFrom(at, { activationMinutes: 5, idleMinutes: 30, maxMinutes: 480 }, windows);
    const id = newId();
    insertSession.run({ id, clientId, demoId, ...clocks });
    addUsage({ sessionId: id, clientId, demoId, at });
    audit({ demoSessionId: id, clientId, demoId, at, expiresAt: clocks.expiresAt, ip: request.ip });
    const iat = Math.floor(at.getTime() / 1000);
    const options = { algorithm: ALGORITHM, issuer: ISSUER, audience: LAUNCH_AUDIENCE };
    const template = kept.get('launch.containerUrlTemplate');
    return {
      demoSessionId: id,
      status: 'ready',
      url: found.launchUrl ?? template.replaceAll('{slug}', found.slug),
      launchToken: jwt.sign({ sub: id, iat }, key, options),
      openedAt: at,
      expiresAt: clocks.expiresAt,
    };
  });
  return answer ? reply.code(201).send(answer) : reply.code(404).send();
});

function audit({ demoSessionId, clientId, demoId, at, expiresAt, ip }) {
  const last = head.get({});
  const row = {
    id: newId(),
    seq: (last?.seq ?? 0) + 1,
    at,
    actorKind: 'client',
    actorId: clientId,
    action: 'demo-session.opened',
    entityType: 'demo-session',
    entityId: demoSessionId,
    ip,
    requestId: null,
    before: null,
    after: canonicalize({ clientId, demoId, expiresAt }),
    reason: null,
  };
  const hashed = canonicalize({ ...row, at: at.toISOString() });
  const hash = createHash('sha256')
    .update(`${last?.hash ?? ''}\n${hashed}`)
    .digest('hex');
  entry.run({ ...row, hash });
}

await app.listen({ port: 0, host: '127.0.0.1' });
process.send({ port: app.server.address().port });
process.on('disconnect', () => process.exit(0));
