/**
 * kill −9 under writes: every acknowledged write is there, none half (quality.md, Faults 1). Ten times a database here;
 * `KILLS=100 npm test -- boot-kill` is the full row.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, until, type Session, type TestApp } from './support/app.js';
import { openSqlite } from './support/database.js';
import { clientInput, unique } from './support/inputs.js';

const KILLS = Number(process.env.KILLS ?? 10);
const WRITERS = 8;

interface Acknowledged {
  created: Map<string, string>;
  /** The highest version that an answer has shown, by id. */
  versions: Map<string, number>;
  revoked: Set<string>;
  keyed: Map<string, string>;
}

/** Makes, edits and revokes clients until the server is gone, and notes what was answered. */
async function write(admin: Session, seen: Acknowledged): Promise<void> {
  try {
    for (let turn = 0; ; turn += 1) {
      const idempotencyKey = turn % 3 === 0 ? unique() : undefined;
      const input = clientInput({ password: undefined });
      const made = await admin.post('/clients', input, { ...(idempotencyKey && { idempotencyKey }) });
      expect(made.status).toBe(201);
      const { id } = made.body as { id: string };
      seen.created.set(id, input.email);
      if (idempotencyKey) seen.keyed.set(idempotencyKey, id);
      const edited = await admin.patch(`/clients/${id}`, { company: unique() }, { ifMatch: 1 });
      expect(edited.status).toBe(200);
      seen.versions.set(id, edited.body.version as number);
      if (turn % 2) continue;
      expect((await admin.post(`/clients/${id}/revoke`, { reason: 'Drill' })).status).toBe(200);
      seen.revoked.add(id);
    }
  } catch (error) {
    // The end of the socket is the kill; anything else is a finding. (Jest's Error is not Node's: no instanceof.)
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
  }
}

async function expectAllThere(app: TestApp, seen: Acknowledged): Promise<void> {
  const clients = await app.sql<{ id: string; email: string; version: number; revoked_at: unknown }>(
    'SELECT id, email, version, revoked_at FROM clients',
  );
  const byId = new Map(clients.map((client) => [client.id, client]));
  const lost = [...seen.created].filter(([id, email]) => byId.get(id)?.email !== email);
  expect(lost).toEqual([]);
  expect([...seen.versions].filter(([id, version]) => (byId.get(id)?.version ?? 0) < version)).toEqual([]);
  expect([...seen.revoked].filter((id) => byId.get(id)?.revoked_at === null)).toEqual([]);
  const keys = await app.sql<{ key: string; answer: string | null }>(
    'SELECT key, answer FROM idempotency_keys',
  );
  const answers = new Map(
    keys.map(({ key, answer }) => [key, (JSON.parse(answer ?? '{}') as { id?: string }).id]),
  );
  expect([...seen.keyed].filter(([key, id]) => answers.get(key) !== id)).toEqual([]);

  // None half: who is there, acknowledged or not, has all that its creation writes, and as many entries as versions.
  const half = await app.sql(`
    SELECT c.id FROM clients c WHERE
      NOT EXISTS (SELECT 1 FROM credentials k WHERE k.client_id = c.id)
      OR NOT EXISTS (SELECT 1 FROM client_access_changes h WHERE h.client_id = c.id)
      OR (c.revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM account_tokens t WHERE t.client_id = c.id))
      OR (SELECT count(*) FROM audit_log a WHERE a.entity_type = 'client' AND a.entity_id = ${app.dialect === 'sqlite' ? 'c.id' : 'c.id::text'}) <> c.version`);
  expect(half).toEqual([]);
  const [strays] = await app.sql<{ n: unknown }>(
    `SELECT count(*) AS n FROM credentials k WHERE k.client_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM clients c WHERE c.id = k.client_id)`,
  );
  expect(Number(strays?.n)).toBe(0);
}

describe('a server that is killed', () => {
  it(
    `${KILLS} times under writes loses nothing that it has acknowledged`,
    async () => {
      const app = await startApp();
      const seen: Acknowledged = {
        created: new Map(),
        versions: new Map(),
        revoked: new Set(),
        keyed: new Map(),
      };
      for (let kill = 1; kill <= KILLS; kill += 1) {
        const admin = await app.admin();
        const writers = Promise.all(Array.from({ length: WRITERS }, () => write(admin, seen)));
        writers.catch(() => undefined); // awaited below, once the kill is done
        const enough = seen.created.size + 10 + Math.random() * 20;
        await until(() => seen.created.size >= enough);
        await sleep(Math.random() * 30);
        await app.kill();
        await writers;
        if (app.dialect === 'sqlite') {
          const file = openSqlite(app.database.url.replace('sqlite:', ''));
          expect(file.pragma('integrity_check', { simple: true })).toBe('ok');
          expect(file.pragma('foreign_key_check')).toEqual([]);
          file.close();
        }
        await app.start();
        await expectAllThere(app, seen);
      }
      const verified = await (await app.admin()).get('/audit/verify');
      expect(verified.body).toMatchObject({ valid: true });
    },
    60_000 + KILLS * 15_000,
  );
});
