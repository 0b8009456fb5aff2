/** A database that goes, is late, or is gone when it should say that it committed (quality.md, Faults 5 and 6). */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { answered, startApp, until, type Session, type TestApp } from '../support/app.js';
import { dialect, freshDatabase } from '../support/database.js';
import { expectProblem, type Reply } from '../support/http.js';
import { clientInput, unique } from '../support/inputs.js';
import { proxyTo, type Proxy } from '../support/proxy.js';
import { Callers, measure } from './load.js';
import { ownPostgres } from './own-postgres.js';

/** Liveness as a probe sees it until told to stop. */
function watchLiveness(app: TestApp): () => Promise<{ bad: string[]; slowestMs: number }> {
  const seen = { bad: [] as string[], slowestMs: 0 };
  let stopped = false;
  const going = () => !stopped;
  const watching = (async () => {
    while (going()) {
      const began = performance.now();
      const reply = await app.raw('GET', '/health/live').catch(String);
      if (typeof reply === 'string' || reply.status !== 200)
        seen.bad.push(typeof reply === 'string' ? reply : reply.text);
      seen.slowestMs = Math.max(seen.slowestMs, performance.now() - began);
      await sleep(50);
    }
  })();
  return async () => {
    stopped = true;
    await watching;
    return seen;
  };
}

/** How many clients have this e-mail, whatever the API says. */
async function rowsOf(app: TestApp, email: string): Promise<number> {
  return (await app.sql('SELECT id FROM clients WHERE email = ?', [email])).length;
}

if (dialect() === 'postgres') {
  describe('PostgreSQL restarted under load', () => {
    it(
      'is answered by 503 only, and found again by the same process within ten seconds',
      async () => {
        const { server, database } = await ownPostgres();
        const app = await startApp({ database });
        const { pid } = app;
        const callers = await Callers.at(app);
        for (const signal of measure(['SIGINT'], [
          'SIGINT',
          'SIGQUIT',
          'SIGINT',
          'SIGKILL',
          'SIGINT',
        ] as const)) {
          const stopWatching = watchLiveness(app);
          const { outcome, stop } = callers.work(8);
          await until(() => outcome.right > 30);
          await server.stop(signal as NodeJS.Signals);
          await sleep(measure(1500, 5000));
          expect((await app.raw('GET', '/health/ready')).status).toBe(503);
          const during = outcome.right;
          await server.start();
          const back = performance.now();
          await app.untilReady(10_000);
          await until(() => outcome.right > during + 30, 10_000);
          expect(performance.now() - back).toBeLessThan(10_000);
          const { wrong, unavailable } = await stop();
          expect(wrong).toEqual([]);
          expect(unavailable).toBeGreaterThan(0);
          expect((await stopWatching()).bad).toEqual([]);
        }
        expect({ running: app.running, pid: app.pid }).toEqual({ running: true, pid });
        await callers.expectNothingLost();
      },
      measure(60_000, 240_000),
    );
  });

  describe('a connection cut around COMMIT', () => {
    let app: TestApp;
    let admin: Session;
    let proxy: Proxy;

    beforeAll(async () => {
      const database = await freshDatabase();
      proxy = await proxyTo(database.url);
      app = await startApp({ database, env: { DATABASE_URL: proxy.url } });
      admin = await app.admin();
    });

    it.each(['before', 'after'] as const)(
      'is no false success where it breaks %s it, and a keyed retry makes one row',
      async (when) => {
        for (let round = 0; round < measure(5, 100); round += 1) {
          const input = clientInput({ password: undefined });
          const options = { idempotencyKey: unique() };
          const cut = proxy.cutAtCommit(when);
          const reply = await admin.post('/clients', input, options);
          await cut;
          expectProblem(reply, 503, 'unavailable');
          expect(await rowsOf(app, input.email)).toBe(when === 'after' ? 1 : 0);
          const again = await answered(201, admin.post('/clients', input, options));
          const third = await answered(201, admin.post('/clients', input, options));
          expect(third.body.id).toBe(again.body.id);
          expect(await rowsOf(app, input.email)).toBe(1);
        }
      },
      measure(30_000, 240_000),
    );

    it('is one demo session for a client who opens again', async () => {
      const account = await app.createClient();
      const demo = await app.createDemo();
      await app.grant(account.id, demo.id);
      const client = await account.signIn();
      const cut = proxy.cutAtCommit('after');
      expectProblem(await client.post(`/demos/${demo.id}/open`), 503, 'unavailable');
      await cut;
      await answered(200, client.post(`/demos/${demo.id}/open`));
      expect(await app.sql('SELECT id FROM demo_sessions WHERE client_id = ?', [account.id])).toHaveLength(1);
      expect(
        await app.sql(`SELECT id FROM usage_analytics WHERE client_id = ? AND kind = 'opened'`, [account.id]),
      ).toHaveLength(1);
    });
  });

  describe('a database that does not keep up', () => {
    const connectMs = 1000;
    const statementMs = 1000;
    /** The driver waits two seconds longer than the server, whose own time-out comes first where it can. */
    const patience = connectMs + statementMs + 2000;

    /** Each reply is a 503 in time, while liveness is 200. */
    async function expectRefused(app: TestApp, requests: () => Promise<Reply>[]): Promise<void> {
      const stopWatching = watchLiveness(app);
      const began = performance.now();
      const timed = requests().map(async (request) => {
        const reply = await request;
        return { reply, took: performance.now() - began };
      });
      for (const { reply, took } of await Promise.all(timed)) {
        expectProblem(reply, 503, 'unavailable');
        expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
        expect(took).toBeLessThan(patience + 1000);
      }
      const { bad, slowestMs } = await stopWatching();
      expect(bad).toEqual([]);
      expect(slowestMs).toBeLessThan(1000);
    }

    it('five seconds late: 503 within the time-out, liveness 200, and back by itself', async () => {
      const database = await freshDatabase();
      const proxy = await proxyTo(database.url);
      const env = {
        DATABASE_URL: proxy.url,
        DATABASE_CONNECT_TIMEOUT_MS: String(connectMs),
        DATABASE_STATEMENT_TIMEOUT_MS: String(statementMs),
      };
      const app = await startApp({ database, env });
      const admin = await app.admin();
      proxy.delay(5000);
      await expectRefused(app, () => [
        ...Array.from({ length: 12 }, () => admin.get('/clients')),
        ...Array.from({ length: 12 }, () => admin.post('/clients', clientInput({ password: undefined }))),
      ]);
      expect((await app.raw('GET', '/health/ready')).status).toBe(503);
      proxy.delay(0);
      await app.untilReady(10_000);
      await answered(200, admin.get('/clients'));
      await answered(201, admin.post('/clients', clientInput()));
    });

    it('all its connections in use: 503 within the time-out, liveness 200, and back by itself', async () => {
      const app = await startApp({
        env: {
          DATABASE_POOL_SIZE: '3',
          DATABASE_CONNECT_TIMEOUT_MS: String(connectMs),
          DATABASE_LOCK_TIMEOUT_MS: String(patience),
          DATABASE_STATEMENT_TIMEOUT_MS: String(statementMs),
        },
      });
      const admin = await app.admin();
      const other = new pg.Client({ connectionString: app.database.url });
      await other.connect();
      await other.query('BEGIN; LOCK TABLE sessions, clients IN ACCESS EXCLUSIVE MODE');
      await expectRefused(app, () => Array.from({ length: 40 }, () => admin.get('/clients')));
      await other.end();
      await app.untilReady();
      for (const reply of await Promise.all(Array.from({ length: 40 }, () => admin.get('/clients'))))
        expect(reply.status).toBe(200);
    });
  });
} else {
  describe('a process killed around COMMIT', () => {
    it(
      'is no false success, and a keyed retry makes one row',
      async () => {
        const app = await startApp();
        for (let round = 0; round < measure(3, 25); round += 1) {
          const admin = await app.admin();
          const inputs = Array.from({ length: 8 }, () => ({
            body: clientInput({ password: undefined }),
            options: { idempotencyKey: unique() },
          }));
          const answers = inputs.map(({ body, options }) =>
            admin.post('/clients', body, options).then(
              ({ status }) => status,
              () => undefined,
            ),
          );
          await sleep(Math.random() * 20);
          await app.kill();
          const statuses = await Promise.all(answers);
          await app.start();
          const again = await app.admin();
          for (const [index, { body, options }] of inputs.entries()) {
            expect([201, undefined]).toContain(statuses[index]);
            if (statuses[index] === 201) expect(await rowsOf(app, body.email)).toBe(1);
            const first = await answered(201, again.post('/clients', body, options));
            const second = await answered(201, again.post('/clients', body, options));
            expect(second.body.id).toBe(first.body.id);
            expect(await rowsOf(app, body.email)).toBe(1);
          }
        }
        expect((await answered(200, (await app.admin()).get('/audit/verify'))).body.valid).toBe(true);
      },
      measure(60_000, 240_000),
    );
  });

  describe('a write lane that a crowd waits in', () => {
    it('answers 503 within its time-out, liveness and reads 200, and goes on by itself', async () => {
      const app = await startApp({ env: { WRITE_LANE_TIMEOUT_MS: '150' } });
      const admin = await app.admin();
      const stopWatching = watchLiveness(app);
      const crowd = Array.from({ length: measure(200, 500) }, () =>
        admin.post('/clients', clientInput({ password: undefined }), { timeoutMs: 60_000 }),
      );
      const reads = Array.from({ length: 20 }, () => admin.get('/clients?limit=1', { timeoutMs: 60_000 }));
      for (const reply of await Promise.all(reads)) expect(reply.status).toBe(200);
      const replies = await Promise.all(crowd);
      for (const reply of replies.filter(({ status }) => status !== 201))
        expectProblem(reply, 503, 'unavailable');
      expect((await stopWatching()).bad).toEqual([]);
      const made = replies.filter(({ status }) => status === 201).length;
      const [row] = await app.sql<{ n: number }>('SELECT count(*) AS n FROM clients');
      expect(row!.n).toBe(made);
      await answered(201, admin.post('/clients', clientInput()));
    });
  });
}
