import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { QueryRunner } from 'typeorm';
import { closeAfterSuite } from '../../test/support/cleanup.js';
import { dialect, freshDatabase, type TestDatabase } from '../../test/support/database.js';
import { connected, settingsFor } from '../../test/support/data-source.js';
import { MigrationRefusedError, Migrator, type MigratorOptions } from './migrator.js';
import type { MigrationClass, ReleasedSchema } from './released-schema.js';

const postgres = dialect() === 'postgres';
const dist = (file: string) => pathToFileURL(join(import.meta.dirname, '../../dist/src/database', file)).href;

/** Owners and their pets, who must survive whatever is done to the owners. */
class Owners1700000000001 {
  readonly name: string = 'Owners1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE "owners" ("id" integer PRIMARY KEY, "name" varchar(20) NOT NULL)');
    await runner.query(
      'CREATE TABLE "pets" ("id" integer PRIMARY KEY, "owner_id" integer NOT NULL REFERENCES "owners" ("id") ON DELETE CASCADE)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE "pets"');
    await runner.query('DROP TABLE "owners"');
  }
}

/** Makes the table anew on SQLite, as its documentation says: with foreign keys on, DROP TABLE would delete the pets. */
class OwnersTown1700000000002 {
  readonly name: string = 'OwnersTown1700000000002';

  up(runner: QueryRunner): Promise<void> {
    return this.rebuild(
      runner,
      'ADD COLUMN "town" varchar(20)',
      '"id" integer PRIMARY KEY, "name" varchar(20) NOT NULL, "town" varchar(20)',
      '"id", "name", NULL',
    );
  }

  down(runner: QueryRunner): Promise<void> {
    return this.rebuild(
      runner,
      'DROP COLUMN "town"',
      '"id" integer PRIMARY KEY, "name" varchar(20) NOT NULL',
      '"id", "name"',
    );
  }

  private async rebuild(
    runner: QueryRunner,
    change: string,
    columns: string,
    selected: string,
  ): Promise<void> {
    if (postgres) {
      await runner.query(`ALTER TABLE "owners" ${change}`);
      return;
    }
    await runner.query(`CREATE TABLE "new_owners" (${columns})`);
    await runner.query(`INSERT INTO "new_owners" SELECT ${selected} FROM "owners"`);
    await runner.query('DROP TABLE "owners"');
    await runner.query('ALTER TABLE "new_owners" RENAME TO "owners"');
  }
}

class OwnersIndex1700000000003 {
  readonly name: string = 'OwnersIndex1700000000003';
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX ${postgres ? 'CONCURRENTLY IF NOT EXISTS' : ''} "ix_owners_name" ON "owners" ("name")`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX ${postgres ? 'CONCURRENTLY' : ''} "ix_owners_name"`);
  }
}

const first = [Owners1700000000001, OwnersTown1700000000002];
const all = [...first, OwnersIndex1700000000003];
const namesOf = (list: readonly MigrationClass[]) => list.map((Class) => Class.name);

/** Checksums are the names themselves unless given. */
const release = (
  migrations: readonly MigrationClass[],
  checksums: Record<string, string> = {},
): ReleasedSchema => ({
  migrations,
  checksums: { ...Object.fromEntries(migrations.map(({ name }) => [name, `sum of ${name}`])), ...checksums },
  fingerprint: () => ({}),
});

async function migrator(
  list: readonly MigrationClass[],
  {
    database,
    checksums,
    lockTimeoutMs,
    ...options
  }: MigratorOptions & {
    database?: TestDatabase;
    checksums?: Record<string, string>;
    lockTimeoutMs?: number;
  } = {},
) {
  const context = await connected({
    database,
    role: 'migrator',
    ...(lockTimeoutMs && { settings: { lockTimeoutMs } }),
  });
  return { ...context, migrator: new Migrator(context.dataSource, release(list, checksums), options) };
}

const populate = async (database: TestDatabase) => {
  await database.sql(`INSERT INTO owners (id, name) VALUES (1, 'Ana'), (2, 'Rui')`);
  await database.sql('INSERT INTO pets VALUES (1, 1), (2, 1), (3, 2)');
};
const contents = async (database: TestDatabase) => ({
  owners: await database.sql('SELECT id, name FROM owners ORDER BY id'),
  pets: await database.sql('SELECT id, owner_id FROM pets ORDER BY id'),
});
const populated = {
  owners: [
    { id: 1, name: 'Ana' },
    { id: 2, name: 'Rui' },
  ],
  pets: [
    { id: 1, owner_id: 1 },
    { id: 2, owner_id: 1 },
    { id: 3, owner_id: 2 },
  ],
};
const rowsOf = async (database: TestDatabase, table: string) => database.sql(`SELECT * FROM ${table}`);
const recorded = async (database: TestDatabase) =>
  (await database.sql<{ name: string }>('SELECT name FROM migrations ORDER BY id')).map((row) => row.name);

/** Runs a program on the built code; `lines` hears what it prints. */
function program(source: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  closeAfterSuite(child, async () => void child.kill('SIGKILL'));
  let output = '';
  let errors = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, output, errors }));
  return { child, ended, printed: () => once(child.stdout, 'data') };
}

describe('Migrator', () => {
  it('applies what is pending, once, and says what there is', async () => {
    const { migrator: up, database } = await migrator(all);
    expect(await up.status()).toEqual({ applied: [], pending: namesOf(all), ahead: [] });
    expect(await up.up(Owners1700000000001.name)).toEqual([Owners1700000000001.name]);
    expect(await up.up()).toEqual(namesOf(all.slice(1)));
    expect(await up.up()).toEqual([]);
    expect(await up.status()).toEqual({ applied: namesOf(all), pending: [], ahead: [] });
    const [row] = await database.sql('SELECT * FROM migrations ORDER BY id');
    expect(row).toMatchObject({
      name: Owners1700000000001.name,
      checksum: `sum of ${Owners1700000000001.name}`,
    });
    expect(Number(row?.timestamp)).toBe(1700000000001);
    expect(String(new Date(String(row?.applied_at)).getFullYear())).toMatch(/^20\d\d$/);
    await expect(up.up('Nobody1')).rejects.toThrow(MigrationRefusedError);
  });

  it('goes up, down and up on populated tables and keeps every row, also those that refer to a table made anew', async () => {
    const { migrator: both, database } = await migrator(all);
    await both.up(Owners1700000000001.name);
    await populate(database);
    await both.up();
    expect(await contents(database)).toEqual(populated);
    expect(await both.down(2)).toEqual(namesOf(all.slice(1)).reverse());
    expect(await contents(database)).toEqual(populated);
    await both.up();
    expect(await contents(database)).toEqual(populated);
    expect(await recorded(database)).toEqual(namesOf(all));
  });

  it('checks foreign keys again afterwards', async () => {
    const { migrator: up, dataSource } = await migrator(first);
    await up.up();
    if (postgres) return;
    expect(await dataSource.query('PRAGMA foreign_keys')).toEqual([{ foreign_keys: 1 }]);
  });

  it('leaves old schema and data whole when one dies midway; the next run goes on', async () => {
    class Dies1700000000004 {
      async up(runner: QueryRunner): Promise<void> {
        await runner.query('CREATE TABLE "half" ("id" integer)');
        await runner.query(`UPDATE owners SET name = 'gone'`);
        await runner.query('DELETE FROM pets');
        await runner.query('INSERT INTO "no_such_table" VALUES (1)');
      }
      down = async () => undefined;
    }
    const { migrator: dying, database, dataSource } = await migrator([...first, Dies1700000000004]);
    await new Migrator(dataSource, release(first)).up();
    await populate(database);
    await expect(dying.up()).rejects.toThrow('no_such_table');
    expect(await contents(database)).toEqual(populated);
    await expect(rowsOf(database, 'half')).rejects.toThrow('half');
    expect(await dying.status()).toMatchObject({ pending: [Dies1700000000004.name] });
    expect(await new Migrator(dataSource, release(all)).up()).toEqual([OwnersIndex1700000000003.name]);
  });

  it('leaves old schema and data whole when its process is killed; the next run goes on', async () => {
    const { migrator: next, database } = await migrator(all);
    await next.up(OwnersTown1700000000002.name);
    await populate(database);
    const killed = program(`
      import { withMigrator } from '${dist('migrator.js')}';
      class Hangs1700000000003 {
        async up(runner) {
          await runner.query("UPDATE owners SET name = 'gone'");
          await runner.query('CREATE TABLE "half" ("id" integer)');
          console.log('midway');
          await new Promise((resolve) => setTimeout(resolve, 60_000));
        }
      }
      class Owners1700000000001 {} class OwnersTown1700000000002 {}
      const migrations = [Owners1700000000001, OwnersTown1700000000002, Hangs1700000000003];
      const checksums = Object.fromEntries(migrations.map(({ name }) => [name, 'sum of ' + name]));
      await withMigrator(${JSON.stringify(settingsFor(database))}, (migrator) => migrator.up(), { schema: { migrations, checksums } });
    `);
    await killed.printed();
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(await next.up()).toEqual([OwnersIndex1700000000003.name]);
    expect(await contents(database)).toEqual(populated);
    await expect(rowsOf(database, 'half')).rejects.toThrow('half');
  });

  it('refuses to leave rows that refer to nothing', async () => {
    class Orphans1700000000004 {
      async up(runner: QueryRunner): Promise<void> {
        await runner.query('INSERT INTO pets VALUES (9, 999)');
      }
      down = async () => undefined;
    }
    const { migrator: up, database } = await migrator([...first, Orphans1700000000004]);
    await expect(up.up()).rejects.toThrow(postgres ? 'foreign key' : 'refer to rows that are not there');
    expect(await database.sql('SELECT * FROM pets')).toEqual([]);
  });

  it('applies each migration exactly once when five processes migrate at once', async () => {
    const database = await freshDatabase({ migrated: false });
    const source = `
      import { withMigrator } from '${dist('migrator.js')}';
      const applied = await withMigrator(${JSON.stringify(settingsFor(database))}, (migrator) => migrator.up());
      console.log(JSON.stringify(applied));`;
    const ends = await Promise.all(Array.from({ length: 5 }, () => program(source).ended));
    expect(ends.map(({ code, errors }) => [code, errors])).toEqual(Array(5).fill([0, '']));
    const applied = ends.flatMap(({ output }) => JSON.parse(output) as string[]);
    const names = await recorded(database);
    expect(names.length).toBeGreaterThan(5);
    expect([...applied].sort()).toEqual([...names].sort());
  }, 60_000);

  it('runs beside others in one process, an index made concurrently too', async () => {
    const database = await freshDatabase({ migrated: false });
    const five = await Promise.all(Array.from({ length: 5 }, () => migrator(all, { database })));
    const applied = (await Promise.all(five.map(({ migrator: one }) => one.up()))).flat();
    expect(applied.sort()).toEqual(namesOf(all).sort());
  });

  describe('refuses a history that does not fit', () => {
    const prepared = async (list: readonly MigrationClass[]) => {
      const { migrator: before, database, dataSource } = await migrator(list);
      await before.up();
      return (then: readonly MigrationClass[], checksums?: Record<string, string>) => ({
        database,
        migrator: new Migrator(dataSource, release(then, checksums)),
      });
    };

    it('an edited migration', async () => {
      const { migrator: edited } = (await prepared(first))(all, {
        [Owners1700000000001.name]: 'another sum',
      });
      for (const call of ['status', 'up', 'down', 'plan'] as const)
        await expect(edited[call]()).rejects.toThrow(/Owners1700000000001 was edited after it was applied/);
    });

    it('a gap', async () => {
      const { migrator: gap, database } = (await prepared([Owners1700000000001, OwnersIndex1700000000003]))(
        all,
      );
      await expect(gap.up()).rejects.toThrow(
        /OwnersTown1700000000002 was never applied, but OwnersIndex1700000000003/,
      );
      expect(await recorded(database)).toHaveLength(2);
    });

    it('one that is not of this program', async () => {
      const { migrator: foreign } = (await prepared(first))([
        OwnersTown1700000000002,
        OwnersIndex1700000000003,
      ]);
      await expect(foreign.status()).rejects.toThrow(
        /Owners1700000000001 was applied .* not part of this release/,
      );
    });

    it('but takes one that a newer release applied, without going back through it', async () => {
      const { migrator: older, database } = (await prepared(all))(first);
      expect(await older.status()).toEqual({
        applied: namesOf(first),
        pending: [],
        ahead: [OwnersIndex1700000000003.name],
      });
      expect(await older.up()).toEqual([]);
      await expect(older.down()).rejects.toThrow(/OwnersIndex1700000000003 came with a newer release/);
      expect(await recorded(database)).toHaveLength(3);
    });
  });

  it('never undoes what can not be undone, nor what stands before it', async () => {
    class Final1700000000003 {
      readonly irreversible = 'the old column is gone';
      up = async () => undefined;
      down = async () => undefined;
    }
    const { migrator: up, database } = await migrator([...first, Final1700000000003]);
    await up.up();
    await expect(up.down(3)).rejects.toThrow(/Final1700000000003 can't be undone: the old column is gone/);
    expect(await recorded(database)).toHaveLength(3);
  });

  it('plans without changing anything', async () => {
    class Reads1700000000004 {
      async up(runner: QueryRunner): Promise<void> {
        const [row] = (await runner.query('SELECT count(*) AS n FROM owners')) as [{ n: number }];
        await runner.query(
          `UPDATE owners SET name = '${row.n} owners' WHERE id = ${postgres ? '$1' : '?'}`,
          [1],
        );
      }
      down = async () => undefined;
    }
    const { migrator: up, database, dataSource } = await migrator([...all, Reads1700000000004]);
    const empty = await new Migrator(dataSource, release(first)).plan();
    expect(empty.map(({ name, statements }) => [name, statements.length])).toEqual([
      [Owners1700000000001.name, 2],
      [OwnersTown1700000000002.name, postgres ? 1 : 4],
    ]);
    await expect(rowsOf(database, 'migrations')).rejects.toThrow('migrations');
    await up.up(OwnersTown1700000000002.name);
    await populate(database);
    expect(await up.plan(OwnersIndex1700000000003.name)).toHaveLength(1);
    expect((await up.plan())[1]?.statements).toEqual([
      `UPDATE owners SET name = '2 owners' WHERE id = ${postgres ? '$1' : '?'} -- [1]`,
    ]);
    expect(await contents(database)).toEqual(populated);
    expect(await recorded(database)).toHaveLength(2);
  });

  if (postgres) {
    it('waits for no table longer than the lock time-out, and tries again', async () => {
      const reports: string[] = [];
      const { migrator: up, database } = await migrator(all, {
        lockTimeoutMs: 200,
        report: (line) => void reports.push(line),
      });
      await up.up(Owners1700000000001.name);
      const holder = await connected({ database });
      const rest = await holder.uow.run(async (em) => {
        await em.query('LOCK TABLE owners IN ACCESS SHARE MODE');
        const started = up.up();
        while (!reports.some((line) => line.includes('trying again'))) {
          const ended = await Promise.race([started.then(() => true), sleep(20)]);
          expect(ended).not.toBe(true);
        }
        return { started };
      });
      expect(await rest.started).toEqual(namesOf(all.slice(1)));
    });

    it('gives up waiting for a migrator that does not end', async () => {
      const { migrator: up, database } = await migrator(all, { lockWaitMs: 100 });
      const other = await connected({ database });
      await other.uow.run(async (em) => {
        await em.query('SELECT pg_advisory_xact_lock(1163084116, 1)');
        await expect(up.up()).rejects.toThrow('Another migration has been running for too long');
      });
      expect(await up.up()).toEqual(namesOf(all));
    });
  }
});
