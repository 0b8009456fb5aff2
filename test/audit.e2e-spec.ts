import type { AuditEntry } from '../src/audit/audit.entity.js';
import { entryHash, GENESIS } from '../src/audit/audit.service.js';
import { newId } from '../src/common/ids.js';
import { toSqliteInstant } from '../src/database/instants.js';
import { startApp, type Session, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';
import { userInput } from './support/inputs.js';

type Entry = Reply['body'];

const setSetting = (caller: Session, value: number, key = 'access.defaultDays'): Promise<Reply> =>
  caller.patch(`/settings/${key}`, { value }, { ifMatch: '*' });

/** Reads the whole log page by page. */
async function readAll(caller: Session, query: Record<string, string | number> = {}): Promise<Entry[]> {
  const entries: Entry[] = [];
  let cursor: string | undefined;
  do {
    const { status, body } = await caller.get('/audit', { query: { limit: 100, ...query, cursor } });
    expect(status).toBe(200);
    entries.push(...body.items);
    cursor = body.nextCursor ?? undefined;
  } while (cursor);
  return entries;
}

const TRIGGERS = {
  sqlite: ['tr_audit_log_no_update', 'tr_audit_log_no_delete'],
  postgres: ['tr_audit_log_no_change', 'tr_audit_log_no_truncate'],
};

/** Takes away what refuses UPDATE and DELETE, as somebody with the database's own rights can. */
async function disarm(app: TestApp): Promise<void> {
  for (const trigger of TRIGGERS[app.dialect])
    await app.sql(
      app.dialect === 'sqlite'
        ? `DROP TRIGGER ${trigger}`
        : `ALTER TABLE audit_log DISABLE TRIGGER ${trigger}`,
    );
}

describe('the audit log', () => {
  let app: TestApp;
  let admin: Session;
  let viewer: Session;

  beforeAll(async () => {
    app = await startApp({ at: '2026-11-21T12:00:00.000Z' });
    admin = await app.admin();
    viewer = await (await app.createUser({ role: 'viewer' })).signIn();
    for (const [minute, value] of [31, 32, 33, 34, 35].entries()) {
      await app.clock.set(new Date(Date.UTC(2026, 10, 21, 12, minute)));
      expect((await setSetting(admin, value)).status).toBe(200);
    }
  });

  it('shows an entry as api.md has it', async () => {
    const requestId = 'audit-test-1';
    const headers = { 'x-request-id': requestId };
    await admin.patch('/settings/renewal.maxDays', { value: 80 }, { ifMatch: 1, headers });
    const { body } = await viewer.get('/audit?limit=1');
    expect(body.items).toEqual([
      {
        id: expect.stringMatching(/^[\da-f-]{36}$/),
        seq: expect.any(Number),
        at: '2026-11-21T12:04:00.000Z',
        actor: { kind: 'user', id: admin.account.id },
        action: 'setting.changed',
        entityType: 'setting',
        entityId: 'renewal.maxDays',
        ip: '127.0.0.1',
        requestId,
        before: { value: 90 },
        after: { value: 80 },
        hash: expect.stringMatching(/^[\da-f]{64}$/),
      },
    ]);
  });

  it('is an event list: pages without a total, newest first, none left out', async () => {
    const { body } = await viewer.get('/audit?limit=3');
    expect(Object.keys(body).sort()).toEqual(['items', 'nextCursor']);
    const newestFirst = (await readAll(viewer, { limit: 3 })).map(({ seq }) => seq);
    expect(newestFirst).toEqual([...newestFirst].sort((a, b) => b - a));
    expect(newestFirst).toEqual(Array.from(newestFirst, (_, index) => newestFirst.length - index));
    const oldestFirst = (await readAll(viewer, { limit: 3, sort: 'at' })).map(({ seq }) => seq);
    expect(oldestFirst).toEqual([...newestFirst].reverse());
  });

  it.each<[string, (entry: Entry) => boolean]>([
    ['action=setting.changed', ({ action }) => action === 'setting.changed'],
    ['entityType=user', ({ entityType }) => entityType === 'user'],
    ['entityType=setting&entityId=renewal.maxDays', ({ entityId }) => entityId === 'renewal.maxDays'],
    ['from=2026-11-21T12:02:00.000Z', ({ at }) => at >= '2026-11-21T12:02:00.000Z'],
    ['to=2026-11-21T12:02:00.000Z', ({ at }) => at < '2026-11-21T12:02:00.000Z'],
    [
      'from=2026-11-21T13:01:00.000%2B01:00&to=2026-11-21T12:02:00.001Z&action=setting.changed',
      ({ at, action }) =>
        at >= '2026-11-21T12:01:00.000Z' && at <= '2026-11-21T12:02:00.000Z' && action === 'setting.changed',
    ],
  ])('is filtered by %s', async (query, matches) => {
    const expected = (await readAll(viewer)).filter(matches);
    expect(expected.length).toBeGreaterThan(0);
    expect((await viewer.get(`/audit?limit=100&${query}`)).body.items).toEqual(expected);
  });

  it('is filtered by who did it', async () => {
    const expected = (await readAll(viewer)).filter(({ actor }) => actor.id === admin.account.id);
    expect(expected.length).toBeGreaterThan(5);
    const { body } = await viewer.get('/audit', { query: { actorId: admin.account.id, limit: 100 } });
    expect(body.items).toEqual(expected);
  });

  it.each([
    `actorId=${newId()}`,
    `entityId=${newId()}`,
    'action=client.%25',
    'entityType=nothing',
    'from=2027-01-01T00:00:00Z',
  ])('has nothing for %s', async (query) => {
    expect((await viewer.get(`/audit?${query}`)).body).toEqual({ items: [], nextCursor: null });
  });

  it.each([
    ['actorId=x', 'actorId'],
    [`actorId=${newId()}&actorId=${newId()}`, 'actorId'],
    ['action[]=x', 'action[]'],
    ['from=2026-11-21T12:00:00', 'from'],
    ['from=yesterday', 'from'],
    ['to=2026-02-30T00:00:00Z', 'to'],
    ['from=2026-11-21T12:00:00Z&to=2026-11-21T12:00:00Z', 'to'],
    ['sort=hash', 'sort'],
    ['sort=-', 'sort'],
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['cursor=forged.x', 'cursor'],
    ['unknown=1', 'unknown'],
    ['action=%00', 'action'],
  ])('refuses ?%s', async (query, field) => {
    expectProblem(await viewer.get(`/audit?${query}`), 400, 'validation', field);
  });

  it('is read by users alone', async () => {
    const client = await (await app.createClient()).signIn();
    for (const path of ['/audit', '/audit/verify']) {
      expectProblem(await app.get(path), 401, 'unauthenticated');
      expectProblem(await client.get(path), 403, 'forbidden');
      expect((await viewer.get(path)).status).toBe(200);
    }
  });

  it('holds no secret and no personal value', async () => {
    const user = await app.createUser();
    const client = await app.createClient({
      name: 'Zulmira Quaresma',
      company: 'Quaresma e Filhos',
      notes: 'Likes tea',
    });
    const session = await user.signIn();
    await client.signIn();
    await app.post('/auth/login', { email: 'stranger@example.net', password: 'Typed-by-a-stranger-1' });
    await session.post('/auth/password', {
      currentPassword: user.password,
      newPassword: 'Quite-another-harbour-77',
    });
    await admin.patch(`/clients/${client.id}`, { notes: 'Likes coffee' }, { ifMatch: '*' });
    const rows = JSON.stringify(await app.sql('SELECT * FROM audit_log'));
    for (const secret of [
      user.password,
      user.email,
      client.password,
      client.email,
      'Zulmira',
      'Quaresma',
      'Likes',
      'stranger@example.net',
      'Typed-by-a-stranger-1',
      'Quite-another-harbour-77',
      session.accessToken,
      session.refreshToken,
      '$argon2',
    ])
      expect(rows).not.toContain(secret);
  });
});

describe('the hash chain', () => {
  let app: TestApp;
  let admin: Session;
  let entries: Entry[];

  const verify = async (head?: string): Promise<Reply['body']> =>
    (await admin.get('/audit/verify', { query: { head } })).body;

  beforeAll(async () => {
    app = await startApp();
    admin = await app.admin();
    for (const value of [31, 32, 33, 34, 35]) await setSetting(admin, value);
    entries = (await readAll(admin)).reverse();
  });

  it('is whole, has no gaps, and ends in its head', async () => {
    const last = entries.at(-1)!;
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
    expect(await verify()).toEqual({ valid: true, entries: entries.length, head: last.hash });
  });

  it('knows each of its earlier heads, and no other', async () => {
    expect(await verify(entries[2]!.hash)).toMatchObject({ valid: true, head: entries.at(-1)!.hash });
    for (const head of ['0'.repeat(64), entries[2]!.hash.toUpperCase(), 'x'])
      expect(await verify(head)).toEqual({
        valid: false,
        entries: entries.length,
        head: entries.at(-1)!.hash,
      });
    expectProblem(await admin.get('/audit/verify?head='), 400, 'validation', 'head');
    expectProblem(await admin.get(`/audit/verify?head=${'0'.repeat(201)}`), 400, 'validation', 'head');
  });

  it('refuses UPDATE and DELETE', async () => {
    const statements = [
      "UPDATE audit_log SET action = 'x' WHERE seq = 2",
      'DELETE FROM audit_log WHERE seq = 2',
      'DELETE FROM audit_log',
      ...(app.dialect === 'postgres' ? ['TRUNCATE audit_log'] : []),
    ];
    for (const statement of statements)
      await expect(async () => app.sql(statement)).rejects.toThrow('append-only');
    expect((await verify()).valid).toBe(true);
  });

  describe('without the triggers', () => {
    const set = (column: string, seq: number, value: unknown): Promise<unknown> =>
      app.sql(`UPDATE audit_log SET ${column} = ? WHERE seq = ?`, [value, seq]);

    /** What verify says while `tampering` holds; it is undone afterwards. */
    async function whileTampered(tampering: () => Promise<unknown>): Promise<Reply['body']> {
      const rows = await app.sql('SELECT * FROM audit_log ORDER BY seq');
      await tampering();
      const found = await verify();
      await app.sql('DELETE FROM audit_log');
      for (const row of rows) {
        const columns = Object.keys(row).map((name) => `"${name}"`);
        const places = columns.map(() => '?').join();
        await app.sql(`INSERT INTO audit_log (${columns.join()}) VALUES (${places})`, Object.values(row));
      }
      expect(await verify()).toEqual({ valid: true, entries: entries.length, head: entries.at(-1)!.hash });
      return found;
    }

    const brokenAt = (seq: number, fault: string, id = entries[seq - 1]!.id) =>
      expect.objectContaining({ valid: false, firstBroken: { seq, id, fault } });

    beforeAll(() => disarm(app));

    it.each([
      ['action', 'setting.unchanged'],
      ['actor_kind', 'system'],
      ['actor_id', newId()],
      ['entity_type', 'client'],
      ['entity_id', 'auth.lockAfter'],
      ['ip', '192.0.2.1'],
      ['request_id', null],
      ['before', null],
      ['after', '{"value":99}'],
      ['after', 'no JSON'],
      ['reason', 'Because.'],
      ['hash', 'f'.repeat(64)],
      ['id', newId()],
      ['at', '2020-01-01 00:00:00.000Z'],
    ])('names an entry whose %s was set to %s', async (column, value) => {
      const changed = 4;
      const id = column === 'id' ? (value as string) : undefined;
      const found = await whileTampered(async () => {
        await set(column, changed, value);
        expect((await admin.get('/audit?limit=100')).status).toBe(200);
      });
      expect(found).toEqual(brokenAt(changed, 'altered', id));
    });

    it('names an instant that is none', async () => {
      if (app.dialect === 'postgres') return;
      const found = await whileTampered(() => set('at', 3, 'yesterday'));
      expect(found).toEqual(brokenAt(3, 'altered'));
    });

    it('names the entry after one that was deleted', async () => {
      const found = await whileTampered(() => app.sql('DELETE FROM audit_log WHERE seq = 3'));
      expect(found).toEqual(brokenAt(4, 'missing-before'));
      expect(found).toMatchObject({ entries: entries.length - 1, head: entries.at(-1)!.hash });
    });

    it('names the entry after a cut beginning', async () => {
      const found = await whileTampered(() => app.sql('DELETE FROM audit_log WHERE seq <= 2'));
      expect(found).toEqual(brokenAt(3, 'missing-before'));
    });

    it('names the entry after one that was deleted, the gap closed', async () => {
      const found = await whileTampered(async () => {
        await app.sql('DELETE FROM audit_log WHERE seq = 3');
        for (const { seq } of entries.slice(3)) await set('seq', seq, seq - 1);
      });
      expect(found).toEqual(brokenAt(3, 'altered', entries[3]!.id));
    });

    it('names the first of two that changed places', async () => {
      const found = await whileTampered(async () => {
        await set('seq', 3, 1_000_000);
        await set('seq', 4, 3);
        await set('seq', 1_000_000, 4);
      });
      expect(found).toEqual(brokenAt(3, 'altered', entries[3]!.id));
    });

    it('names an entry that was slipped in', async () => {
      const found = await whileTampered(() =>
        app.sql(
          `INSERT INTO audit_log (id, seq, at, actor_kind, action, entity_type, hash)
           SELECT ?, 0, at, actor_kind, action, entity_type, hash FROM audit_log WHERE seq = 2`,
          [newId()],
        ),
      );
      expect(found).toMatchObject({ valid: false, firstBroken: { seq: 0, fault: 'altered' } });
    });

    it('finds a cut tail by a head that was kept elsewhere', async () => {
      const kept = entries.at(-1)!.hash as string;
      await app.sql('DELETE FROM audit_log WHERE seq > ?', [entries.length - 2]);
      const head = entries.at(-3)!.hash as string;
      expect(await verify()).toEqual({ valid: true, entries: entries.length - 2, head });
      expect(await verify(kept)).toEqual({ valid: false, entries: entries.length - 2, head });
    });
  });

  it('is checked and exported batch by batch, by whoever reads it', async () => {
    const rows = chain(1234, { seq: entries.length - 2, hash: entries.at(-3)!.hash });
    for (let from = 0; from < rows.length; from += 100) await insert(app, rows.slice(from, from + 100));
    const total = entries.length - 2 + rows.length;
    expect(await verify(entries[0]!.hash)).toEqual({ valid: true, entries: total, head: rows.at(-1)!.hash });

    const { code, stdout } = await app.cli(['audit', 'export']);
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.pop()).toEqual({ head: rows.at(-1)!.hash, entries: total });
    expect(lines).toEqual((await readAll(admin)).reverse());
  });
});

describe('a change and its entry', () => {
  let app: TestApp;
  let admin: Session;

  beforeAll(async () => {
    app = await startApp();
    admin = await app.admin();
  });

  it('are both there or neither: without the entry the change is not made', async () => {
    const user = userInput();
    if (app.dialect === 'postgres')
      await app.sql(
        `CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$`,
      );
    await app.sql(
      app.dialect === 'sqlite'
        ? `CREATE TRIGGER planted BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'planted'); END`
        : 'CREATE TRIGGER planted BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION planted()',
    );
    const refused = [
      await setSetting(admin, 77),
      await admin.post('/users', user),
      await admin.post('/clients', { name: 'Ana', email: 'ana.planted@example.com' }),
    ];
    for (const reply of refused) {
      expectProblem(reply, 500, 'internal');
      expect(reply.text).not.toMatch(/planted|audit_log|INSERT/);
    }
    await app.sql(app.dialect === 'sqlite' ? 'DROP TRIGGER planted' : 'DROP TRIGGER planted ON audit_log');

    const { body } = await admin.get('/settings');
    expect(body.items[0]).toMatchObject({ key: 'access.defaultDays', value: 30, version: 1 });
    expect(await app.sql('SELECT id FROM users WHERE email = ?', [user.email])).toEqual([]);
    expect(await app.sql(`SELECT id FROM clients WHERE email LIKE '%planted%'`)).toEqual([]);
    expect((await setSetting(admin, 77)).status).toBe(200);
    expect((await admin.get('/audit/verify')).body.valid).toBe(true);
  });

  it('stay in one chain when many are made at once', async () => {
    const before = await readAll(admin);
    const { body } = await admin.get('/settings');
    const counted = body.items.filter(
      ({ default: value }: { default: unknown }) => typeof value === 'number',
    );
    const replies = await Promise.all(
      [0, 1, 2].flatMap((round) =>
        counted.map((item: { key: string; default: number }) =>
          setSetting(admin, Math.max(1, item.default - 1 - round), item.key),
        ),
      ),
    );
    const changed = replies.filter(({ status }) => status === 200);
    expect(replies.filter(({ status }) => status !== 200 && status !== 412)).toEqual([]);
    const added = (await readAll(admin)).slice(0, -before.length || undefined);
    const wrote = new Set(
      changed.map(({ body: row }) => `${row.key} ${row.version}`).filter((name) => !/ 1$/.test(name)),
    );
    expect(added).toHaveLength(wrote.size);
    expect((await admin.get('/audit/verify')).body).toMatchObject({
      valid: true,
      entries: before.length + added.length,
    });
  });
});

/** Entries that follow `head`, chained as the product does it. */
function chain(count: number, head: { seq: number; hash: string }): AuditEntry[] {
  const rows: AuditEntry[] = [];
  let previous = head.hash || GENESIS;
  for (let index = 0; index < count; index += 1) {
    const entry = {
      id: newId(),
      seq: head.seq + 1 + index,
      at: new Date(Date.UTC(2026, 0, 1) + index),
      actorKind: 'system' as const,
      actorId: null,
      action: 'demo.updated',
      entityType: 'demo',
      entityId: newId(),
      ip: null,
      requestId: null,
      before: null,
      after: '{"title":"Ação"}',
      reason: null,
    };
    previous = entryHash(previous, entry);
    rows.push({ ...entry, hash: previous });
  }
  return rows;
}

async function insert(app: TestApp, rows: AuditEntry[]): Promise<void> {
  const values = rows.flatMap(({ at, ...row }) => [
    app.dialect === 'sqlite' ? toSqliteInstant(at) : at.toISOString(),
    ...Object.values(row),
  ]);
  const places = rows.map(() => `(${Array(14).fill('?').join()})`).join();
  await app.sql(
    `INSERT INTO audit_log (at, id, seq, actor_kind, actor_id, action, entity_type, entity_id, ip, request_id,
       before, after, reason, hash) VALUES ${places}`,
    values,
  );
}
