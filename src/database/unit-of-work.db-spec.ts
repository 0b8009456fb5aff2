import { Check, Entity, Unique } from 'typeorm';
import { connected, type Connected } from '../../test/support/data-source.js';
import { FlagColumn, IdColumn, InstantColumn, IntColumn, JsonColumn, TextColumn } from './columns.js';
import {
  DatabaseUnavailableError,
  OutsideUnitOfWorkError,
  TransactionAbortedError,
  isCheckViolation,
  isUniqueViolation,
} from './errors.js';
import { prepare } from './sql.js';
import { leaks } from '../../test/support/leaks.js';

@Entity('accounts')
@Unique('uq_accounts_name', ['name'])
@Check('ck_accounts_balance', '"balance" >= 0')
class Account {
  @IdColumn() id!: string;
  @TextColumn({ length: 50 }) name!: string;
  @IntColumn() balance!: number;
  @FlagColumn() open!: boolean;
  @JsonColumn({ nullable: true }) notes!: object | null;
  @InstantColumn() openedAt!: Date;
}

const schema = [
  {
    sqlite: `CREATE TABLE "accounts" ("id" varchar(36) NOT NULL, "name" varchar(50) NOT NULL, "balance" integer NOT NULL,
      "open" boolean NOT NULL, "notes" json, "opened_at" datetime NOT NULL,
      CONSTRAINT "pk_accounts" PRIMARY KEY ("id"), CONSTRAINT "uq_accounts_name" UNIQUE ("name"),
      CONSTRAINT "ck_accounts_balance" CHECK ("balance" >= 0))`,
    postgres: `CREATE TABLE "accounts" ("id" uuid NOT NULL, "name" varchar(50) NOT NULL, "balance" integer NOT NULL,
      "open" boolean NOT NULL, "notes" json, "opened_at" timestamptz(3) NOT NULL,
      CONSTRAINT "pk_accounts" PRIMARY KEY ("id"), CONSTRAINT "uq_accounts_name" UNIQUE ("name"),
      CONSTRAINT "ck_accounts_balance" CHECK ("balance" >= 0))`,
  },
];
const ids = [1, 2, 3, 4].map((n) => `00000000-0000-7000-8000-00000000000${n}`);
const openedAt = new Date('2026-03-29T01:30:00.123Z');
const account = (n: number, over: Partial<Account> = {}): Account => ({
  ...{ id: ids[n] ?? '', name: `account ${n}`, balance: 10, open: true, notes: { a: [1, 'b'] }, openedAt },
  ...over,
});

describe('UnitOfWork', () => {
  let context: Connected;
  const names = async () =>
    (await context.uow.query<{ name: string }>('SELECT name FROM accounts ORDER BY name')).map(
      (row) => row.name,
    );

  beforeAll(async () => {
    context = await connected({ entities: [Account], schema });
  });

  beforeEach(() => context.uow.execute('DELETE FROM accounts'));

  afterEach(() => expect(leaks(context.dataSource)).toEqual([]));

  it('commits what its work did and returns its result', async () => {
    const result = await context.uow.run(async (em) => {
      await em.insert(Account, account(1));
      return 'done';
    });
    expect(result).toBe('done');
    expect(await names()).toEqual(['account 1']);
  });

  it('hands out every type as it was put in', async () => {
    await context.uow.run((em) => em.insert(Account, account(1)));
    expect(await context.uow.manager.findOneBy(Account, { id: ids[1] })).toEqual(account(1));
    expect(await context.uow.manager.findOneBy(Account, { openedAt })).toEqual(account(1));
  });

  it('rolls back when its work fails', async () => {
    const failing = context.uow.run(async (em) => {
      await em.insert(Account, account(1));
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await names()).toEqual([]);
  });

  it('joins nested calls into one transaction', async () => {
    const failing = context.uow.run(async () => {
      await context.uow.run((em) => em.insert(Account, account(1)));
      await context.uow.run((em) => em.insert(Account, account(2)));
      expect(await names()).toEqual(['account 1', 'account 2']);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await names()).toEqual([]);
  });

  it('fails as a whole when a nested call failed, also if the caller went on', async () => {
    const failing = context.uow.run(async (em) => {
      await em.insert(Account, account(1));
      await context.uow
        .run(async () => {
          throw new Error('nested');
        })
        .catch(() => undefined);
    });
    await expect(failing).rejects.toThrow('nested');
    expect(await names()).toEqual([]);
  });

  it('never commits after a failed statement, also if the error was swallowed', async () => {
    const failing = context.uow.run(async (em) => {
      await em.insert(Account, account(1));
      await em.insert(Account, account(2, { name: 'account 1' })).catch(() => undefined);
    });
    await expect(failing).rejects.toThrow(TransactionAbortedError);
    expect(await names()).toEqual([]);
  });

  it('sees its own writes, others do not', async () => {
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    let inside!: () => void;
    const written = new Promise<void>((resolve) => (inside = resolve));
    const unit = context.uow.run(async () => {
      await context.uow.execute(`UPDATE accounts SET balance = 0`);
      await context.uow.manager.insert(Account, account(1));
      expect(await names()).toEqual(['account 1']);
      inside();
      await gate;
    });
    await written;
    expect(await names()).toEqual([]);
    release();
    await unit;
    expect(await names()).toEqual(['account 1']);
  });

  it('keeps a state of its own, and runs hooks once, in order, before COMMIT', async () => {
    const seen: string[] = [];
    await context.uow.run(async (em) => {
      context.uow.beforeCommit(async () => {
        seen.push(`first ${String(context.uow.state?.get('key'))}`);
        context.uow.beforeCommit(async () => void seen.push('added by a hook'));
        await em.insert(Account, account(2));
      });
      await context.uow.run(async () => {
        context.uow.state?.set('key', 1);
        context.uow.beforeCommit(async () => void seen.push('second'));
      });
      seen.push('work');
    });
    expect(seen).toEqual(['work', 'first 1', 'second', 'added by a hook']);
    expect(context.uow.state).toBeUndefined();
    expect(await names()).toEqual(['account 2']);
    expect(() => context.uow.beforeCommit(async () => undefined)).toThrow(OutsideUnitOfWorkError);
  });

  it('rolls back when a hook fails', async () => {
    const failing = context.uow.run(async (em) => {
      context.uow.beforeCommit(() => Promise.reject(new Error('hook')));
      await em.insert(Account, account(1));
    });
    await expect(failing).rejects.toThrow('hook');
    expect(await names()).toEqual([]);
  });

  describe('guard', () => {
    const outside: Record<string, () => Promise<unknown>> = {
      'an injected repository': () => context.dataSource.getRepository(Account).find(),
      'a repository that writes': () => context.dataSource.getRepository(Account).insert(account(1)),
      'the data source': () => context.dataSource.query('SELECT 1'),
      'a query builder of the data source': () =>
        context.dataSource.createQueryBuilder(Account, 'account').getMany(),
      'a transaction of the data source': () => context.dataSource.transaction(async () => undefined),
      'save outside of the unit': () => context.dataSource.manager.save(Account, account(1)),
    };
    it.each(Object.keys(outside))('refuses %s inside a unit', async (name) => {
      const unit = context.uow.run(async () => outside[name]?.());
      await expect(unit).rejects.toThrow(OutsideUnitOfWorkError);
      expect(await names()).toEqual([]);
    });

    it('refuses a transaction within the unit: there are no savepoints', async () => {
      const unit = context.uow.run((em) => em.transaction(async () => undefined));
      await expect(unit).rejects.toThrow(/[Tt]ransaction already started/);
    });

    it('lets save work on the unit without a savepoint', async () => {
      await context.uow.run((em) => em.save(em.create(Account, account(1))));
      await expect(
        context.uow.run(async (em) => {
          await em.save(em.create(Account, account(2)));
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      expect(await names()).toEqual(['account 1']);
    });

    it('allows repositories outside of units', async () => {
      await context.dataSource.getRepository(Account).insert(account(1));
      await context.dataSource.manager.save(Account, account(1, { balance: 11 }));
      expect(await context.dataSource.getRepository(Account).count()).toBe(1);
    });

    it('refuses what a forgotten promise still asks for after the end, and stores none of it', async () => {
      let straggler!: Promise<unknown>;
      const unit = context.uow.run(async (em) => {
        await em.insert(Account, account(1));
        straggler = (async () => {
          for (let n = 2; ; n = n === 2 ? 3 : 2) {
            await em.insert(Account, account(n, { name: 'late' }));
            await new Promise((resolve) => setImmediate(resolve));
            await em.delete(Account, { name: 'late' });
          }
        })();
        straggler.catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 5));
        throw new Error('no');
      });
      await expect(unit).rejects.toThrow('no');
      await expect(straggler).rejects.toThrow();
      expect(await names()).toEqual([]);
    });
  });

  it('refuses it also in the moment between ROLLBACK and the end', async () => {
    const outcomes: unknown[] = [];
    for (let delay = 0; delay < 120; delay += 1) {
      let straggler!: Promise<unknown>;
      const unit = context.uow.run(async (em) => {
        straggler = (async () => {
          for (let n = 0; n < 60; n += 1) {
            await em.query(`DELETE FROM accounts`);
            await context.uow.execute('UPDATE accounts SET balance = 999');
            await em.insert(Account, account(1, { name: `late ${n}` }));
          }
        })();
        straggler.catch(() => undefined);
        for (let turn = 0; turn < delay; turn += 1) await Promise.resolve();
        throw new Error('no');
      });
      await expect(unit).rejects.toThrow('no');
      outcomes.push(...(await Promise.allSettled([straggler])).map(({ status }) => status));
    }
    expect(outcomes).toEqual(Array(120).fill('rejected'));
    expect(await names()).toEqual([]);
  });

  describe('errors', () => {
    it('names the violated constraint on both databases', async () => {
      await context.uow.run((em) => em.insert(Account, account(1)));
      const duplicate = await caught(() =>
        context.uow.run((em) => em.insert(Account, account(2, { name: 'account 1' }))),
      );
      expect(isUniqueViolation(duplicate)).toBe(true);
      expect(isUniqueViolation(duplicate, 'uq_accounts_name')).toBe(true);
      expect(isUniqueViolation(duplicate, 'pk_accounts')).toBe(false);
      const sameId = await caught(() => context.uow.manager.insert(Account, account(1, { name: 'other' })));
      expect(isUniqueViolation(sameId, 'pk_accounts')).toBe(true);
      const negative = await caught(() => context.uow.manager.insert(Account, account(2, { balance: -1 })));
      expect(isCheckViolation(negative, 'ck_accounts_balance')).toBe(true);
      expect(isUniqueViolation(negative)).toBe(false);
    });

    it('keeps values out of errors, because errors are logged', async () => {
      await context.uow.run((em) => em.insert(Account, account(1, { name: 'secret-value' })));
      for (const again of [
        account(2, { name: 'secret-value' }),
        account(3, { name: 'secret-value', balance: -1 }),
      ]) {
        const error = await caught(() => context.uow.manager.insert(Account, again));
        const { driverError } = error as Error & { driverError: object };
        expect(
          JSON.stringify([error, driverError, (error as Error).message, Object.entries(driverError)]),
        ).not.toContain('secret-value');
      }
    });

    it('says that the database is not connected', async () => {
      const { dataSource, uow } = await connected({ entities: [Account], schema });
      await dataSource.destroy();
      await expect(uow.run(async () => undefined)).rejects.toThrow(DatabaseUnavailableError);
      expect(() => uow.manager).toThrow(DatabaseUnavailableError);
      await expect(uow.query('SELECT 1')).rejects.toThrow(DatabaseUnavailableError);
      await dataSource.initialize();
      expect(await uow.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });
  });

  it('rolls back a transaction that stands idle, and lets the others on', async () => {
    const { uow, dataSource } = await connected({
      entities: [Account],
      schema,
      settings: { idleTxTimeoutMs: 200 },
    });
    let late!: Promise<unknown>;
    const idle = uow.run(async (em) => {
      await em.insert(Account, account(1));
      await new Promise((resolve) => setTimeout(resolve, 700));
      late = em.insert(Account, account(2));
      await late;
    });
    await new Promise((resolve) => setTimeout(resolve, 400));
    await uow.run((em) => em.insert(Account, account(3)));
    await expect(idle).rejects.toThrow(DatabaseUnavailableError);
    expect(await uow.query('SELECT name FROM accounts')).toEqual([{ name: 'account 3' }]);
    expect(leaks(dataSource)).toEqual([]);
  });

  describe('SQL', () => {
    const byName = prepare<{ name: string; open: boolean; openedAt: Date; notes: unknown; total: number }>(
      'account_by_name',
      `SELECT "name", "open", "opened_at" AS "openedAt", "notes", (SELECT count(*) FROM accounts) AS "total"
       FROM accounts WHERE "name" = :name AND "opened_at" <= :at AND "name" <> 'a :name that is none'`,
      { open: 'boolean', openedAt: 'instant', notes: 'json', total: 'integer' },
    );

    it('returns the same rows on both databases, within a unit and outside', async () => {
      const expected = { name: 'account 1', open: true, openedAt, notes: { a: [1, 'b'] }, total: 1 };
      await context.uow.run(async (em) => {
        await em.insert(Account, account(1));
        expect(await context.uow.get(byName, { name: 'account 1', at: openedAt })).toEqual(expected);
      });
      expect(await context.uow.get(byName, { name: 'account 1', at: openedAt })).toEqual(expected);
      expect(
        await context.uow.all(byName, { name: 'account 1', at: new Date(openedAt.getTime() - 1) }),
      ).toEqual([]);
      expect(() => context.uow.get(byName, { name: 'x' })).toThrow(':at is not given');
    });

    it('writes by prepared and other statements and counts the rows', async () => {
      const deposit = prepare('deposit', 'UPDATE accounts SET balance = balance + :by WHERE name = :name');
      await context.uow.run((em) => em.insert(Account, [account(1), account(2)]));
      expect(await context.uow.execute(deposit, { by: 5, name: 'account 1' })).toBe(1);
      expect(await context.uow.execute('UPDATE accounts SET open = :open', { open: false })).toBe(2);
      expect(
        await context.uow.query(
          'SELECT name, open FROM accounts WHERE name IN (:...names) AND balance = :b',
          {
            names: ['account 1', 'account 2'],
            b: 15,
          },
          { open: 'boolean' },
        ),
      ).toEqual([{ name: 'account 1', open: false }]);
    });
  });
});

async function caught(work: () => Promise<unknown>): Promise<unknown> {
  return work().then(
    () => undefined,
    (error: unknown) => error,
  );
}
