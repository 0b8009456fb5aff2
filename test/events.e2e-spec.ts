import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'csv-parse/sync';
import { newId } from '../src/common/ids.js';
import { startApp, type Account, type Session, type TestApp } from './support/app.js';
import { API, expectProblem, type Reply } from './support/http.js';

const TITLE = '=HYPERLINK("https://evil.example","Total")';
const MANY = 200_000;

describe('usage events', () => {
  let app: TestApp;
  let admin: Session;
  let viewer: Session;
  let ana: Account;
  let bea: Account;
  let sheet: Reply['body'];
  let plain: Reply['body'];

  beforeAll(async () => {
    // With so little heap that all events at once would end it.
    const env = { NODE_OPTIONS: '--max-old-space-size=128' };
    app = await startApp({ at: '2026-11-01T10:00:00.000Z', env });
    sheet = await app.createDemo({ title: TITLE });
    plain = await app.createDemo({ title: 'Ação, "plain"' });
    ana = await app.createClient({ name: '@SUM(A1:A9)', accessDays: 60 });
    bea = await app.createClient({ name: '-1+1', accessDays: 60 });
    for (const [client, demo, at] of [
      [ana, sheet, '2026-11-01T10:00:00.000Z'],
      [bea, sheet, '2026-11-10T23:59:59.000Z'],
      [ana, plain, '2026-11-20T10:00:00.000Z'],
    ] as const) {
      await app.clock.set(at);
      await app.grant(client.id, demo.id);
      const session = await client.signIn();
      const { body } = await session.post(`/demos/${demo.id}/open`);
      await session.post(`/demo-sessions/${body.demoSessionId}/heartbeat`);
      await app.clock.advance(90_000);
      expect((await session.post(`/demo-sessions/${body.demoSessionId}/close`)).status).toBe(200);
    }
    await app.clock.set('2026-11-21T12:00:00.000Z');
    admin = await app.admin();
    viewer = await (await app.createUser()).signIn();
  });

  const list = async (query: Record<string, string> = {}): Promise<Reply['body'][]> => {
    const items = [];
    let cursor: string | undefined;
    do {
      const { status, body } = await viewer.get('/analytics/events', {
        query: { limit: 2, cursor, ...query },
      });
      expect(status).toBe(200);
      expect(body).not.toHaveProperty('total');
      items.push(...body.items);
      cursor = body.nextCursor ?? undefined;
    } while (cursor);
    return items;
  };
  const lines = (reply: Reply): Reply['body'][] =>
    reply.text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));

  it('are listed page by page, the newest first, with the names of now', async () => {
    const events = await list();
    expect(events).toHaveLength(9);
    const ended = { id: expect.any(String), kind: 'ended', durationSeconds: 90 };
    expect(events[0]).toEqual({
      ...ended,
      at: '2026-11-20T10:01:30.000Z',
      demoSessionId: expect.any(String),
      demoId: plain.id,
      demoTitle: 'Ação, "plain"',
      clientId: ana.id,
      clientName: '@SUM(A1:A9)',
    });
    expect((await list({ sort: 'at' })).map(({ id }) => id)).toEqual(events.map(({ id }) => id).reverse());
    expect(events.map(({ kind }) => kind).slice(0, 3)).toEqual(['ended', 'activated', 'opened']);
  });

  it('take the filters alike in all three forms, days as a whole', async () => {
    for (const [query, count] of [
      [{ demoId: sheet.id }, 6],
      [{ clientId: ana.id }, 6],
      [{ demoId: plain.id, clientId: ana.id }, 3],
      [{ demoId: plain.id, clientId: bea.id }, 0],
      [{ demoId: newId() }, 0],
      [{ from: '2026-11-10T12:00:00Z', to: '2026-11-10T13:00:00Z' }, 2],
      [{ from: '2026-11-11T00:00:00Z' }, 4],
    ] as [Record<string, string>, number][]) {
      const listed = await list({ ...query, sort: 'at' });
      expect(listed).toHaveLength(count);
      expect(lines(await viewer.get('/analytics/events.ndjson', { query }))).toEqual(listed);
      const csv = (await viewer.get('/analytics/events.csv', { query })).text;
      const rows = parse<Record<string, string>>(csv, { columns: true });
      expect(rows.map(({ id }) => id)).toEqual(listed.map(({ id }) => id));
    }
  });

  it('as NDJSON: a line an event, as in the list', async () => {
    const reply = await viewer.get('/analytics/events.ndjson');
    expect(reply.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'content-disposition': 'attachment; filename="events.ndjson"',
      'cache-control': 'no-store',
    });
    expect(lines(reply)).toEqual(await list({ sort: 'at' }));
  });

  it('as CSV: no cell begins a formula (quality.md, Security 24)', async () => {
    const reply = await viewer.get('/analytics/events.csv');
    expect(reply.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="events.csv"',
    });
    expect(reply.text.split('\r\n')[0]).toBe(
      'id,at,kind,demoSessionId,demoId,demoTitle,clientId,clientName,durationSeconds',
    );
    const rows = parse<Record<string, string>>(reply.text, { columns: true });
    expect(rows).toHaveLength(9);
    for (const cell of rows.flatMap((row) => Object.values(row))) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
    expect(rows[0]).toMatchObject({
      demoTitle: `'${TITLE}`,
      clientName: "'@SUM(A1:A9)",
      durationSeconds: '',
    });
    expect(rows[5]).toMatchObject({ clientName: "'-1+1", durationSeconds: '90', kind: 'ended' });
    expect(rows[8]).toMatchObject({ demoTitle: 'Ação, "plain"', at: '2026-11-20T10:01:30.000Z' });
  });

  it('an empty period is a header alone, or nothing', async () => {
    const query = { from: '2025-01-01T00:00:00Z', to: '2025-02-01T00:00:00Z' };
    expect(lines(await viewer.get('/analytics/events.ndjson', { query }))).toEqual([]);
    expect((await viewer.get('/analytics/events.csv', { query })).text.trim().split('\r\n')).toHaveLength(1);
    expect(await list(query)).toEqual([]);
  });

  it.each([
    ['events?sort=kind', 'sort'],
    ['events?cursor=x.y', 'cursor'],
    ['events?demoId=1', 'demoId'],
    ['events.csv?from=2026-11-21T00:00:00Z&to=2026-11-21T00:00:00Z', 'to'],
    ['events.csv?limit=5', 'limit'],
    ['events.csv?clientId=x', 'clientId'],
    ['events.ndjson?to=never', 'to'],
    ['events.ndjson?sort=at', 'sort'],
  ])('refuses %s', async (path, field) => {
    expectProblem(await viewer.get(`/analytics/${path}`), 400, 'validation', field);
  });

  it.each(['events', 'events.csv', 'events.ndjson'])('%s are for users alone', async (what) => {
    expectProblem(await app.get(`/analytics/${what}`), 401, 'unauthenticated');
    const client = await ana.signIn();
    expectProblem(await client.get(`/analytics/${what}`), 403, 'forbidden');
    const head = await viewer.head(`/analytics/${what}`);
    expect([head.status, head.text]).toEqual([200, '']);
  });

  it('keep nothing of an erased client but that there was one', async () => {
    expect((await admin.delete(`/clients/${bea.id}`, { ifMatch: '*' })).status).toBe(204);
    const events = await list({ clientId: bea.id });
    expect(events).toHaveLength(3);
    expect(events.map(({ clientName }) => clientName)).toEqual([null, null, null]);
  });

  it('the audit log goes out whole, its head last', async () => {
    const reply = await viewer.get('/audit/export');
    expect(reply.headers['content-type']).toBe('application/x-ndjson');
    const exported = lines(reply);
    const { head, entries } = exported.pop();
    expect(exported).toHaveLength(entries);
    expect(exported.at(-1).hash).toBe(head);
    expect((await viewer.get('/audit/verify', { query: { head } })).body.valid).toBe(true);
    const newest = (await viewer.get('/audit', { query: { limit: 1 } })).body.items[0];
    expect(exported.at(-1)).toEqual(newest);
    expectProblem(await viewer.get('/audit/export?from=2026-11-01T00:00:00Z'), 400, 'validation', 'from');
  });

  describe('of which there are many', () => {
    beforeAll(async () => {
      const [session] = await app.sql<{ demo_session_id: string }>(
        'SELECT demo_session_id FROM usage_analytics LIMIT 1',
      );
      const parameters = [session!.demo_session_id, ana.id, plain.id];
      await app.sql(
        app.dialect === 'sqlite'
          ? `INSERT INTO usage_analytics (id, demo_session_id, client_id, demo_id, kind, at)
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MANY})
             SELECT printf('019aa5b0-0000-7000-8000-%012x', i), ?, ?, ?, 'opened',
               strftime('%Y-%m-%d %H:%M:%f', '2026-01-01', '+' || (i / 10) || ' seconds') FROM n`
          : `INSERT INTO usage_analytics (id, demo_session_id, client_id, demo_id, kind, at)
             SELECT ('019aa5b0-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, ?::uuid, ?::uuid, ?::uuid, 'opened',
               '2026-01-01T00:00:00Z'::timestamptz + (i / 10) * interval '1 second'
             FROM generate_series(1, ${MANY}) AS i`,
        parameters,
      );
    });

    const query = '?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z';

    /** Megabytes that the app's process holds. */
    const rss = (): number =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${app.pid}/status`, 'utf8'))?.[1]) / 1024;

    /** How much processor time the app's process takes meanwhile, in the kernel's ticks. */
    const cpuDuring = async (work: () => Promise<unknown>): Promise<number> => {
      const ticks = (): number => {
        const fields = readFileSync(`/proc/${app.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
        return Number(fields[11]) + Number(fields[12]);
      };
      const before = ticks();
      await work();
      return ticks() - before;
    };

    const open = async (path: string): Promise<IncomingMessage> => {
      const sent = request(app.url + API + path, {
        headers: { authorization: `Bearer ${viewer.accessToken}` },
      }).end();
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      expect(answer.statusCode).toBe(200);
      return answer;
    };

    it.each(['events.csv', 'events.ndjson'])('%s: every one, in constant memory', async (what) => {
      const before = rss();
      let [events, bytes, peak] = [0, 0, 0];
      for await (const chunk of await open(`/analytics/${what}${query}`)) {
        bytes += (chunk as Buffer).length;
        for (const byte of chunk as Buffer) if (byte === 10) events += 1;
        peak = Math.max(peak, rss());
      }
      expect(events).toBe(what === 'events.csv' ? MANY + 1 : MANY);
      expect(bytes).toBeGreaterThan(MANY * 150);
      expect(peak - before).toBeLessThan(150);
    });

    it('wait for a reader who is slow, and stop for one who has gone', async () => {
      const whole = await cpuDuring(async () => {
        await once((await open(`/analytics/events.ndjson${query}`)).resume(), 'end');
      });
      let answer!: IncomingMessage;
      const begun = await cpuDuring(async () => {
        answer = await open(`/analytics/events.ndjson${query}`);
        await sleep(500);
      });
      expect(begun).toBeLessThan(whole / 2);
      expect(await cpuDuring(() => sleep(500))).toBeLessThan(whole / 10);
      answer.destroy();
      expect(await cpuDuring(() => sleep(500))).toBeLessThan(whole / 2);
      expect(await cpuDuring(() => sleep(500))).toBeLessThan(whole / 10);
    });
  });
});
