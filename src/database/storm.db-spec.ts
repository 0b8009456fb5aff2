import pLimit from 'p-limit';
import { connected, type Connected } from '../../test/support/data-source.js';
import { leaks } from '../../test/support/leaks.js';
import { newId } from '../common/ids.js';
import { DatabaseUnavailableError, isCheckViolation, isUniqueViolation } from './errors.js';
import { prepare } from './sql.js';

const accounts = 20;
const startBalance = 1_000_000;
const schema = [
  `CREATE TABLE "accounts" ("no" integer PRIMARY KEY, "balance" integer NOT NULL CHECK ("balance" >= 0), "version" integer NOT NULL)`,
  `CREATE TABLE "entries" ("id" varchar(36) PRIMARY KEY, "kind" varchar(20) NOT NULL, "key" varchar(36) UNIQUE)`,
];
const addEntry = prepare(
  'storm_add_entry',
  'INSERT INTO entries (id, kind, "key") VALUES (:id, :kind, :key)',
);
const countEntries = prepare<{ n: number }>('storm_count', 'SELECT count(*) AS n FROM entries', {
  n: 'integer',
});

/** A failure that the storm plans, told from one that it finds. */
class Planned extends Error {}

describe('Concurrent units of work', () => {
  let context: Connected;
  const total = async () =>
    (
      await context.uow.query<{ total: number }>(
        'SELECT sum(balance) AS total FROM accounts',
        {},
        { total: 'integer' },
      )
    )[0]?.total;

  beforeAll(async () => {
    context = await connected({ schema, settings: { laneTimeoutMs: 60_000, connectTimeoutMs: 60_000 } });
  });

  beforeEach(async () => {
    await context.uow.execute('DELETE FROM accounts');
    for (let no = 0; no < accounts; no += 1)
      await context.uow.execute('INSERT INTO accounts VALUES (:no, :balance, 1)', {
        no,
        balance: startBalance,
      });
  });

  afterEach(() => expect(leaks(context.dataSource)).toEqual([]));

  it('lose nothing and leak nothing: 10,000 of seven kinds, of which 30 % fail', async () => {
    const { uow } = context;
    // In one order of the accounts: crossing ones deadlock on PostgreSQL, which has a test of its own.
    const transfer = async (n: number) => {
      const amount = (n % 7) + 1;
      const [from, to] = [n % accounts, (n * 7 + 3) % accounts];
      for (const no of [from, to].sort((a, b) => a - b)) {
        const by = from === to ? 0 : no === from ? -amount : amount;
        await uow.execute('UPDATE accounts SET balance = balance + :by WHERE no = :no', { by, no });
        // What else waits for its turn gets one in between.
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    /** The same, as brief units do: without a round of the event loop in between. */
    const transferAtOnce = async (n: number) => {
      const [from, to] = [n % accounts, (n + 1) % accounts].sort((a, b) => a - b);
      await uow.execute('UPDATE accounts SET balance = balance - 1 WHERE no = :no', { no: from });
      await uow.execute('UPDATE accounts SET balance = balance + 1 WHERE no = :no', { no: to });
    };
    const add = (id: string, key?: string) => uow.execute(addEntry, { id, kind: 'storm', key: key ?? null });
    const taken = newId();
    await add(taken, taken);
    const kinds: ((n: number, id: string) => Promise<unknown>)[] = [
      (n, id) =>
        uow.run(async () => {
          await transfer(n);
          await add(id);
        }),
      (n, id) =>
        uow.run(async () => {
          await uow.run(() => transfer(n));
          await uow.run(() => add(id));
        }),
      (_n, id) => add(id),
      (n, id) =>
        uow.run(
          async () => {
            await transferAtOnce(n);
            await add(id);
          },
          { brief: true },
        ),
      (n, id) =>
        uow.run(async () => {
          await add(id);
          await uow.get(countEntries);
          await transfer(n);
          uow.beforeCommit(async () => undefined);
        }),
      async (_n, id) => {
        await uow.get(countEntries);
        await uow.run((em) => em.query('SELECT 1'));
        await add(id);
      },
      (n, id) =>
        uow.run(async (em) => {
          await transfer(n);
          await em.query('SELECT sum(balance) FROM accounts');
          await add(id);
        }),
    ];
    const failures: ((n: number, id: string) => Promise<unknown>)[] = [
      (n, id) =>
        uow.run(
          async () => {
            await transferAtOnce(n);
            await add(id);
            await add(newId(), taken);
          },
          { brief: true },
        ),
      (n, id) =>
        uow.run(
          async () => {
            await add(id);
            await transferAtOnce(n);
            throw new Planned();
          },
          { brief: true },
        ),
      (n, id) =>
        uow.run(async () => {
          await transfer(n);
          await add(id);
          throw new Planned();
        }),
      (n, id) =>
        uow.run(async () => {
          await add(id);
          await transfer(n);
          await add(newId(), taken);
        }),
      (n, id) =>
        uow.run(async () => {
          await add(id);
          await uow.run(async () => {
            await transfer(n);
            throw new Planned();
          });
        }),
      (n, id) =>
        uow.run(async () => {
          uow.beforeCommit(() => Promise.reject(new Planned()));
          await add(id);
          await transfer(n);
        }),
      (n, id) =>
        uow.run(async () => {
          await add(id);
          await transfer(n);
          await uow.execute('UPDATE accounts SET balance = -1 WHERE no = :no', { no: n % accounts });
        }),
    ];
    const acknowledged = new Set([taken]);
    const limit = pLimit(64);
    const outcomes = await Promise.all(
      Array.from({ length: 10_000 }, (_, n) =>
        limit(async () => {
          const id = newId();
          const fails = n % 10 < 3;
          const kind = fails ? failures[n % failures.length] : kinds[n % kinds.length];
          try {
            await kind?.(n, id);
            acknowledged.add(id);
            return fails ? 'succeeded against the plan' : 'done';
          } catch (error) {
            const planned = error instanceof Planned || isUniqueViolation(error) || isCheckViolation(error);
            return fails && planned ? 'failed as planned' : String(error);
          }
        }),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(7_000);
    expect(outcomes.filter((outcome) => outcome === 'failed as planned')).toHaveLength(3_000);
    const stored = await uow.query<{ id: string }>('SELECT id FROM entries');
    expect(new Set(stored.map((row) => row.id))).toEqual(acknowledged);
    expect(await total()).toBe(accounts * startBalance);
  }, 240_000);

  describe('that read and then write lose no update', () => {
    const rounds = 300;
    const read = async () =>
      (
        await context.uow.query<{ balance: number; version: number }>(
          'SELECT balance, version FROM accounts WHERE no = 0',
        )
      )[0] ?? {
        balance: Number.NaN,
        version: Number.NaN,
      };
    const pause = () => new Promise((resolve) => setImmediate(resolve));
    const increments: Record<string, () => Promise<unknown>> = {
      'by compare-and-set': async () => {
        for (let written = 0; written === 0;)
          written = await context.uow.run(async () => {
            const { balance, version } = await read();
            await pause();
            return context.uow.execute(
              'UPDATE accounts SET balance = :next, version = version + 1 WHERE no = 0 AND version = :version',
              { next: balance + 1, version },
            );
          });
      },
      'by one atomic UPDATE': () =>
        context.uow.run(async () => {
          await read();
          await pause();
          await context.uow.execute('UPDATE accounts SET balance = balance + 1 WHERE no = 0');
        }),
      'by a serializable unit, which is tried again': () =>
        context.uow.run(
          async () => {
            const { balance } = await read();
            await pause();
            await context.uow.execute('UPDATE accounts SET balance = :next WHERE no = 0', {
              next: balance + 1,
            });
          },
          { isolation: 'SERIALIZABLE' },
        ),
    };

    it.each(Object.keys(increments))(
      '%s',
      async (name) => {
        const width = name.includes('serializable') ? 4 : 20;
        const limit = pLimit(width);
        await Promise.all(Array.from({ length: rounds }, () => limit(() => increments[name]?.())));
        expect((await read()).balance).toBe(startBalance + rounds);
      },
      60_000,
    );
  });

  it('are tried again after a deadlock, from a clean state', async () => {
    const { uow } = context;
    let arrived = 0;
    let open!: () => void;
    const both = new Promise<void>((resolve) => (open = resolve));
    const states: unknown[] = [];
    const crossing = (first: number, second: number) =>
      uow.run(async () => {
        states.push(uow.state?.get('tries'));
        uow.state?.set('tries', true);
        await uow.execute('UPDATE accounts SET balance = balance + 1 WHERE no = :no', { no: first });
        if (++arrived === 2 || uow.dialect === 'sqlite') open();
        await both;
        await uow.execute('UPDATE accounts SET balance = balance + 1 WHERE no = :no', { no: second });
      });
    await Promise.all([crossing(1, 2), crossing(2, 1)]);
    expect(await total()).toBe(accounts * startBalance + 4);
    expect(states).toEqual(Array(uow.dialect === 'postgres' ? 3 : 2).fill(undefined));
  });

  it('are answered by 503 when the database gives them up again and again', async () => {
    let tries = 0;
    const hopeless = context.uow.run(async () => {
      tries += 1;
      throw Object.assign(new Error('could not serialize access'), { code: '40001' });
    });
    await expect(hopeless).rejects.toThrow(DatabaseUnavailableError);
    expect(tries).toBeGreaterThan(5);
  });
});
