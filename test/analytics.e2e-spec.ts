import { newId } from '../src/common/ids.js';
import { startApp, type Account, type Session, type TestApp } from './support/app.js';
import { expectProblem, type Reply } from './support/http.js';

const NOW = '2026-11-21T12:00:00.000Z';
const SECOND = 1000;

/** Who opened what, when, and for how many seconds; in the order of time. */
const OPENS: [client: string, demo: string, at: string, seconds: number][] = [
  ['ana', 'sales', '2026-09-28T08:00:00.000Z', 60],
  ['ana', 'sales', '2026-10-04T23:58:30.000Z', 180],
  ['bea', 'sales', '2026-10-05T00:02:00.000Z', 30],
  ['ana', 'stock', '2026-10-31T23:59:59.999Z', 10],
  ['bea', 'stock', '2026-11-01T00:00:10.000Z', 20],
  ['ana', 'sales', '2026-11-16T00:00:00.000Z', 60],
  ['ana', 'sales', '2026-11-16T11:00:00.000Z', 60],
  ['bea', 'sales', '2026-11-16T12:00:00.000Z', 120],
  ['ana', 'stock', '2026-11-18T10:00:00.000Z', 240],
  ['cid', 'sales', '2026-11-20T10:00:00.000Z', 30],
  ['cid', 'stock', '2026-11-20T23:59:59.000Z', 45],
  ['ana', 'sales', '2026-11-21T09:00:00.000Z', 15],
];

describe('analytics', () => {
  let app: TestApp;
  let admin: Session;
  let viewer: Session;
  const clients: Record<string, Account> = {};
  const demos: Record<string, Reply['body']> = {};

  beforeAll(async () => {
    app = await startApp({ at: '2026-09-01T00:00:00.000Z' });
    const window = {
      accessDays: undefined,
      accessStartsAt: '2026-09-01T00:00:00.000Z',
      accessEndsAt: '2027-06-01T00:00:00.000Z',
    };
    for (const demo of ['sales', 'stock', 'idle'])
      demos[demo] = await app.createDemo({ title: `The ${demo}` });
    await app.createDemo({}, { publish: false });
    for (const name of ['ana', 'bea', 'cid']) {
      clients[name] = await app.createClient({ name, ...window });
      for (const demo of ['sales', 'stock']) await app.grant(clients[name].id, demos[demo].id);
    }
    await app.createClient({ ...window, accessEndsAt: '2026-11-21T12:00:00.000Z' });
    await app.createClient({ ...window, accessEndsAt: '2026-11-28T12:00:00.000Z' });
    await app.createClient({ ...window, accessEndsAt: '2026-11-28T12:00:00.001Z' });
    await app.createClient({ ...window, accessStartsAt: '2026-11-21T12:00:00.001Z' });
    const revoked = await app.createClient(window);
    await (await app.admin()).post(`/clients/${revoked.id}/revoke`, { reason: 'Contract over' });
    for (const [client, demo, at, seconds] of OPENS) await use(client, demo, at, seconds);
    await app.clock.set(NOW);
    admin = await app.admin();
    expect((await admin.delete(`/clients/${clients.cid!.id}`, { ifMatch: '*' })).status).toBe(204);
    viewer = await (await app.createUser({ role: 'viewer' })).signIn();
  });

  async function use(client: string, demo: string, at: string, seconds: number): Promise<void> {
    await app.clock.set(at);
    const session = await clients[client]!.signIn();
    const { status, body } = await session.post(`/demos/${demos[demo].id}/open`);
    expect(status).toBe(201);
    await app.clock.advance(seconds * SECOND);
    const closed = await session.post(`/demo-sessions/${body.demoSessionId}/close`);
    expect(closed.body.durationSeconds).toBe(seconds);
  }

  /** What the numbers of some opens are, counted by themselves. */
  function counted(opens: typeof OPENS): { opens: number; uniqueClients: number; durationSeconds: number } {
    return {
      opens: opens.length,
      uniqueClients: new Set(opens.map(([client]) => client)).size,
      durationSeconds: opens.reduce((sum, [, , , seconds]) => sum + seconds, 0),
    };
  }

  const within = (from: string, to: string): typeof OPENS =>
    OPENS.filter(([, , at]) => at >= from && at < to);

  it('overview: the catalog now, and the last 30 days', async () => {
    const { status, body } = await viewer.get('/analytics/overview');
    expect(status).toBe(200);
    const { opens, uniqueClients, durationSeconds } = counted(within('2026-10-23', '2026-11-22'));
    expect(body).toEqual({
      clients: { active: 4, scheduled: 1, expired: 1, revoked: 1 },
      expiringSoon: 1,
      demos: 3,
      opens,
      uniqueClients,
      totalDurationSeconds: durationSeconds,
      meanDurationSeconds: Math.round(durationSeconds / opens),
      pendingRequests: 0,
      topDemos: [
        expect.objectContaining({ demoId: demos.sales.id, opens: 5 }),
        expect.objectContaining({ demoId: demos.stock.id, opens: 4 }),
      ],
      topClients: [
        expect.objectContaining({ clientId: clients.ana!.id, name: 'ana', opens: 5 }),
        expect.objectContaining({ opens: 2 }),
        expect.objectContaining({ opens: 2 }),
      ],
    });
    expect((await viewer.get('/analytics/demos')).body.items).toEqual(body.topDemos);
    expect((await viewer.get('/analytics/clients')).body.items).toEqual(body.topClients);
  });

  it('overview: a period of one’s own, and one without any opens', async () => {
    const query = { from: '2026-10-04T12:00:00Z', to: '2026-10-05T00:00:00.001Z' };
    expect((await viewer.get('/analytics/overview', { query })).body).toMatchObject({
      opens: 2,
      uniqueClients: 2,
      totalDurationSeconds: 210,
      meanDurationSeconds: 105,
      topClients: [{ opens: 1 }, { opens: 1 }],
    });
    const empty = { from: '2025-01-01T00:00:00Z', to: '2025-02-01T00:00:00Z' };
    expect((await viewer.get('/analytics/overview', { query: empty })).body).toMatchObject({
      clients: { active: 4 },
      opens: 0,
      uniqueClients: 0,
      totalDurationSeconds: 0,
      meanDurationSeconds: 0,
      topDemos: [],
      topClients: [],
    });
  });

  it('overview: what changes shows at once', async () => {
    await admin.patch('/settings/reminder.daysBefore', { value: [3, 30] }, { ifMatch: '*' });
    expect((await viewer.get('/analytics/overview')).body.expiringSoon).toBe(2);
    await admin.patch('/settings/reminder.daysBefore', { value: [] }, { ifMatch: '*' });
    expect((await viewer.get('/analytics/overview')).body.expiringSoon).toBe(0);
    const instant = app.dialect === 'sqlite' ? '2026-11-21 12:00:00.000' : NOW;
    const requestId = newId();
    await app.sql(
      `INSERT INTO requests (id, client_id, kind, status, days, version, created_at, updated_at)
       VALUES (?, ?, 'renewal', 'pending', 10, 1, ?, ?)`,
      [requestId, clients.ana!.id, instant, instant],
    );
    expect((await viewer.get('/analytics/overview')).body.pendingRequests).toBe(1);
    await app.sql('DELETE FROM requests WHERE id = ?', [requestId]);
  });

  it.each<[string, Record<string, string>, string, [start: string, from: string, to: string][]]>([
    [
      'by day, with empty ones',
      { from: '2026-11-15T23:00:00Z', to: '2026-11-21T00:00:00Z' },
      'day',
      ['15', '16', '17', '18', '19', '20'].map((day) => [
        `2026-11-${day}`,
        `2026-11-${day}`,
        `2026-11-${Number(day) + 1}`,
      ]),
    ],
    [
      'by ISO week, cut at both ends',
      { from: '2026-10-04T00:00:00Z', to: '2026-10-12T00:00:00.001Z' },
      'week',
      [
        ['2026-09-28', '2026-10-04', '2026-10-05'],
        ['2026-10-05', '2026-10-05', '2026-10-12'],
        ['2026-10-12', '2026-10-12', '2026-10-13'],
      ],
    ],
    [
      'by month',
      { from: '2026-09-15T00:00:00Z', to: '2026-11-21T09:00:00Z' },
      'month',
      [
        ['2026-09-01', '2026-09-15', '2026-10-01'],
        ['2026-10-01', '2026-10-01', '2026-11-01'],
        ['2026-11-01', '2026-11-01', '2026-11-22'],
      ],
    ],
  ])('opens %s', async (_, period, bucket, expected) => {
    const filters: [Record<string, string>, (open: (typeof OPENS)[number]) => boolean][] = [
      [{}, () => true],
      [{ demoId: demos.sales.id }, ([, demo]) => demo === 'sales'],
      [{ clientId: clients.ana!.id }, ([client]) => client === 'ana'],
      [{ clientId: clients.cid!.id }, ([client]) => client === 'cid'],
      [
        { demoId: demos.sales.id, clientId: clients.bea!.id },
        ([client, demo]) => client === 'bea' && demo === 'sales',
      ],
      [{ demoId: newId() }, () => false],
      [{ clientId: newId() }, () => false],
      [{ demoId: demos.idle.id, clientId: newId() }, () => false],
    ];
    for (const [filter, matches] of filters) {
      const { status, body } = await viewer.get('/analytics/opens', {
        query: { ...period, bucket, ...filter },
      });
      expect(status).toBe(200);
      expect(body).toEqual({
        buckets: expected.map(([start, from, to]) => ({
          start: `${start}T00:00:00.000Z`,
          ...counted(within(from, to).filter(matches)),
        })),
      });
    }
  });

  it('opens: today and the 29 days before, by day, unless told otherwise', async () => {
    const { buckets } = (await viewer.get('/analytics/opens')).body;
    expect(buckets).toHaveLength(30);
    expect(buckets[0].start).toBe('2026-10-23T00:00:00.000Z');
    expect(buckets.at(-1)).toEqual({
      start: '2026-11-21T00:00:00.000Z',
      opens: 1,
      uniqueClients: 1,
      durationSeconds: 15,
    });
  });

  it('usage by demo and by client: of the period, sorted and paged', async () => {
    const period = { from: '2026-09-01T00:00:00Z' };
    const read = async (what: string, query: Record<string, unknown> = {}): Promise<Reply['body']> =>
      (await viewer.get(`/analytics/${what}`, { query: { ...period, ...query } })).body;
    const sales = {
      demoId: demos.sales.id,
      title: 'The sales',
      ...counted(OPENS.filter(([, demo]) => demo === 'sales')),
      lastOpenedAt: '2026-11-21T09:00:00.000Z',
    };
    const stock = {
      demoId: demos.stock.id,
      title: 'The stock',
      ...counted(OPENS.filter(([, demo]) => demo === 'stock')),
      lastOpenedAt: '2026-11-20T23:59:59.000Z',
    };
    expect(await read('demos')).toEqual({ items: [sales, stock], nextCursor: null, total: 2 });
    for (const sort of ['opens', '-title', 'lastOpenedAt', 'durationSeconds'])
      expect((await read('demos', { sort })).items.map(({ opens }: { opens: number }) => opens)).toEqual(
        sort === 'durationSeconds' ? [stock, sales].map(({ opens }) => opens) : [stock.opens, sales.opens],
      );

    const usage = (name: string, lastOpenedAt: string) => {
      const { opens, durationSeconds } = counted(OPENS.filter(([client]) => client === name));
      const shown = name === 'cid' ? null : name;
      return { clientId: clients[name]!.id, name: shown, opens, durationSeconds, lastOpenedAt };
    };
    const ana = usage('ana', '2026-11-21T09:00:00.000Z');
    const bea = usage('bea', '2026-11-16T12:00:00.000Z');
    const cid = usage('cid', '2026-11-20T23:59:59.000Z');
    expect(await read('clients')).toEqual({ items: [ana, bea, cid], nextCursor: null, total: 3 });
    expect((await read('clients', { sort: 'name' })).items).toEqual([cid, ana, bea]);
    expect((await read('clients', { sort: '-lastOpenedAt' })).items).toEqual([ana, cid, bea]);
    for (const sort of ['name', '-name', 'opens', '-opens', 'durationSeconds', '-lastOpenedAt']) {
      const whole = (await read('clients', { sort })).items;
      const paged = [];
      let cursor: string | undefined;
      do {
        const page = await read('clients', { sort, limit: 1, cursor });
        expect(page.total).toBe(3);
        paged.push(...page.items);
        cursor = page.nextCursor ?? undefined;
      } while (cursor);
      expect(paged).toEqual(whole);
    }
  });

  it('the rollups are what a recount of the events gives', async () => {
    const events = await app.sql<Record<string, string>>('SELECT * FROM usage_analytics ORDER BY at, id');
    const iso = (value: unknown) =>
      new Date(app.dialect === 'sqlite' ? `${String(value).replace(' ', 'T')}Z` : (value as Date));
    const opened = new Map(
      events.filter(({ kind }) => kind === 'opened').map((event) => [event.demo_session_id, event]),
    );
    const sum = (key: (event: Record<string, string>) => string) => {
      const sums = new Map<string, { opens: number; seconds: number; clients: Set<string>; last: string }>();
      for (const event of events) {
        const opening = opened.get(event.demo_session_id)!;
        const at = iso(opening.at).toISOString();
        const name = `${at.slice(0, 10)} ${key(event)}`.trim();
        const row = sums.get(name) ?? { opens: 0, seconds: 0, clients: new Set(), last: '' };
        sums.set(name, row);
        if (event.kind === 'opened') row.opens += 1;
        row.seconds += Number(event.duration_seconds ?? 0);
        row.clients.add(event.client_id!);
        if (at > row.last) row.last = at;
      }
      return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, row]) => ({ name, ...row }));
    };
    const rollup = async (table: string, columns: string[]) => {
      const rows = await app.sql<Record<string, unknown>>(`SELECT * FROM ${table}`);
      return rows
        .map((row) => ({
          name: columns.map((column) => row[column]).join(' '),
          opens: row.opens,
          seconds: Number(row.duration_seconds),
          ...('unique_clients' in row && { clients: row.unique_clients }),
          ...('last_opened_at' in row && { last: iso(row.last_opened_at).toISOString() }),
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    };
    const recounted = (key: (event: Record<string, string>) => string) =>
      sum(key).map(({ name, opens, seconds, last }) => ({ name, opens, seconds, last }));

    expect(opened.size).toBe(OPENS.length);
    expect(await rollup('usage_daily', ['day', 'demo_id', 'client_id'])).toEqual(
      recounted((event) => `${event.demo_id} ${event.client_id}`),
    );
    expect(await rollup('usage_daily_clients', ['day', 'client_id'])).toEqual(
      recounted((event) => event.client_id!),
    );
    expect(await rollup('usage_daily_totals', ['day'])).toEqual(
      sum(() => '').map(({ name, opens, seconds, clients: who }) => ({
        name,
        opens,
        seconds,
        clients: who.size,
      })),
    );
    for (const what of ['demo', 'client']) {
      const daily = await app.sql<Record<string, string>>(
        `SELECT ${what}_id AS id, day, sum(opens) AS opens, sum(duration_seconds) AS seconds, max(last_opened_at) AS last
         FROM usage_daily GROUP BY ${what}_id, day ORDER BY ${what}_id, day`,
      );
      const before = (id: string, day: string) => {
        const earlier = daily.filter((row) => row.id === id && row.day! < day);
        const total = (field: string) => earlier.reduce((sum, row) => sum + Number(row[field]), 0);
        return { opens: total('opens'), seconds: total('seconds') };
      };
      expect(await rollup(`usage_${what}_balances`, [`${what}_id`, 'day'])).toEqual(
        daily.map(({ id, day }) => ({ name: `${id} ${day}`, ...before(id!, day!) })),
      );
      expect(await rollup(`usage_${what}_totals`, [`${what}_id`])).toEqual(
        [...new Set(daily.map(({ id }) => id!))].map((id) => {
          const last = daily.filter((row) => row.id === id).map((row) => iso(row.last).toISOString());
          return { name: id, ...before(id, '9999'), last: last.sort().at(-1) };
        }),
      );
    }
  });

  it.each([
    ['overview?from=2026-11-21', 'from'],
    ['overview?from=2026-11-21T00:00:00', 'from'],
    ['overview?to=never', 'to'],
    ['overview?from=2026-11-21T00:00:00Z&to=2026-11-21T00:00:00Z', 'to'],
    ['overview?from=2026-11-21T00:00:00Z&from=2026-11-21T00:00:00Z', 'from'],
    ['overview?bucket=day', 'bucket'],
    ['opens?bucket=year', 'bucket'],
    ['opens?bucket=', 'bucket'],
    ['opens?demoId=x', 'demoId'],
    ['opens?clientId[]=x', 'clientId[]'],
    ['opens?from=2024-02-24T23:59:59Z&to=2026-11-21T00:00:00Z', 'from'],
    ['opens?from=1970-01-01T00:00:00Z&to=9999-12-31T23:59:59Z&bucket=month', 'from'],
    ['opens?limit=5', 'limit'],
    ['demos?sort=slug', 'sort'],
    ['demos?limit=0', 'limit'],
    ['demos?cursor=x.y', 'cursor'],
    ['clients?sort=email', 'sort'],
    ['clients?to=1', 'to'],
  ])('refuses %s', async (path, field) => {
    expectProblem(await viewer.get(`/analytics/${path}`), 400, 'validation', field);
  });

  it('makes a thousand buckets, and takes the longest period there is', async () => {
    const thousand = await viewer.get('/analytics/opens?from=2024-02-26T00:00:00Z&to=2026-11-22T00:00:00Z');
    expect(thousand.body.buckets).toHaveLength(1000);
    const ever = 'from=1970-01-01T00:00:00Z&to=9999-12-31T23:59:59.999Z';
    const all = counted(OPENS);
    expect((await viewer.get(`/analytics/overview?${ever}`)).body).toMatchObject({
      opens: all.opens,
      uniqueClients: all.uniqueClients,
      totalDurationSeconds: all.durationSeconds,
    });
    expect((await viewer.get(`/analytics/clients?${ever}`)).body.total).toBe(3);
  });

  it.each(['overview', 'opens', 'demos', 'clients'])('%s is for users alone', async (what) => {
    const client = await clients.ana!.signIn();
    expectProblem(await app.get(`/analytics/${what}`), 401, 'unauthenticated');
    expectProblem(await client.get(`/analytics/${what}`), 403, 'forbidden');
    expect((await admin.get(`/analytics/${what}`)).status).toBe(200);
    expectProblem(await admin.post(`/analytics/${what}`), 405, 'method-not-allowed');
  });
});
