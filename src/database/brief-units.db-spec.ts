import { connected, type Connected } from '../../test/support/data-source.js';
import { leaks } from '../../test/support/leaks.js';
import { DatabaseUnavailableError, isUniqueViolation } from './errors.js';
import { LaneSqliteDriver } from './sqlite/lane-driver.js';

const schema = [`CREATE TABLE "entries" ("no" integer PRIMARY KEY, "seen" integer NOT NULL)`];

describe('Brief units', () => {
  let context: Connected;
  let unwatch: () => unknown = () => undefined;
  const count = async () =>
    (await context.uow.query<{ n: number }>('SELECT count(*) AS n FROM entries', {}, { n: 'integer' }))[0]!.n;
  const stored = async () =>
    (await context.uow.query<{ no: number }>('SELECT no FROM entries ORDER BY no')).map(({ no }) => no);
  const add = (no: number, seen = 0) =>
    context.uow.execute('INSERT INTO entries VALUES (:no, :seen)', { no, seen });
  const brief = <T>(work: () => Promise<T>) => context.uow.run(work, { brief: true });
  const numbers = Array.from({ length: 60 }, (_, no) => no);
  /** What the writing connection is asked for; `undefined` on PostgreSQL. */
  const watched = (instead?: (text: string) => void): string[] | undefined => {
    const { driver } = context.dataSource;
    if (!(driver instanceof LaneSqliteDriver)) return undefined;
    const asked: string[] = [];
    const { writer } = driver;
    const run = writer.run.bind(writer);
    writer.run = (text, values) => {
      asked.push(text);
      instead?.(text);
      return run(text, values);
    };
    unwatch = () => (writer.run = run);
    return asked;
  };

  beforeAll(async () => {
    context = await connected({ schema });
  });

  beforeEach(() => context.uow.execute('DELETE FROM entries'));

  afterEach(() => {
    unwatch();
    expect(leaks(context.dataSource)).toEqual([]);
  });

  it('that come at once are answered after their COMMIT, which they share', async () => {
    const asked = watched();
    const found = await Promise.all(
      numbers.map(async (no) => {
        await brief(() => add(no));
        return (await stored()).includes(no);
      }),
    );
    expect(found).toEqual(numbers.map(() => true));
    const commits = asked?.filter((text) => text === 'COMMIT').length ?? 1;
    expect(commits).toBeGreaterThan(0);
    expect(commits).toBeLessThan(10);
  });

  it('fail alone: the others are stored, and see nothing of it', async () => {
    const outcomes = await Promise.allSettled(
      numbers.map((no) =>
        brief(async () => {
          const seen = await count();
          await add(no, seen);
          if (no % 3 === 0) throw new Error('planned');
          if (no % 3 === 1) await add(no);
        }),
      ),
    );
    const failed = outcomes.map((outcome) => outcome.status === 'rejected');
    expect(failed).toEqual(numbers.map((no) => no % 3 !== 2));
    const reasons = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
    );
    expect(reasons.filter((reason) => isUniqueViolation(reason))).toHaveLength(20);
    expect(await stored()).toEqual(numbers.filter((no) => no % 3 === 2));
    if (context.uow.dialect === 'sqlite') {
      const seen = await context.uow.query<{ seen: number }>('SELECT seen FROM entries ORDER BY no');
      expect(seen.map((row) => row.seen)).toEqual(seen.map((_, index) => index));
    }
  });

  it('all fail with a COMMIT that fails, and the next ones work', async () => {
    let full = true;
    const asked = watched((text) => {
      if (text === 'COMMIT' && full) throw Object.assign(new Error('disk full'), { code: 'SQLITE_FULL' });
    });
    if (!asked) return;
    const outcomes = await Promise.allSettled(numbers.slice(0, 10).map((no) => brief(() => add(no))));
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && (outcome.reason as unknown))).toEqual(
      outcomes.map(() => expect.any(DatabaseUnavailableError)),
    );
    expect(await stored()).toEqual([]);
    full = false;
    await brief(() => add(1));
    expect(await stored()).toEqual([1]);
  });

  it('are lost together where SQLite rolls all back, and say so', async () => {
    const asked = watched((text) => {
      if (!text.includes('99')) return;
      (context.dataSource.driver as LaneSqliteDriver).writer.database.exec('ROLLBACK');
      throw Object.assign(new Error('disk full'), { code: 'SQLITE_FULL' });
    });
    if (!asked) return;
    const outcomes = await Promise.allSettled([
      brief(() => add(1)),
      brief(() => context.uow.execute('INSERT INTO entries VALUES (99, 0)')),
    ]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(DatabaseUnavailableError) });
    }
    await brief(() => add(2));
    expect(await stored()).toEqual([2]);
  });

  it('do not wait for one that is not brief', async () => {
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const first = brief(() => add(1));
    const long = context.uow.run(async () => {
      await gate;
      await add(2);
    });
    await first;
    expect(await stored()).toEqual([1]);
    open();
    await long;
    expect(await stored()).toEqual([1, 2]);
  });
});
