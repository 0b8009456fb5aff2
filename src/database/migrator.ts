import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import { buildDataSource } from './data-source.js';
import type { DatabaseSettings } from './database-settings.js';
import { isLockTimeout, isSerializationFailure } from './errors.js';
import { grantRights } from './postgres/grants.js';
import { releasedSchema, type Migration, type ReleasedSchema } from './released-schema.js';
import { dialectOf, queryRows } from './sql.js';

/** The history of the database does not fit the migrations of this release; the message says what to do. */
export class MigrationRefusedError extends Error {
  override name = 'MigrationRefusedError';
}

export interface MigrationStatus {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Applied by a newer release: this one may run on that schema, as after a roll-back. */
  readonly ahead: readonly string[];
}

export interface PlannedMigration {
  readonly name: string;
  readonly statements: readonly string[];
}

export interface MigratorOptions {
  /** Told in words what happens, for a person who waits. */
  readonly report?: (message: string) => void;
  /** How long another migrator may hold PostgreSQL's lock. */
  readonly lockWaitMs?: number;
}

interface KnownMigration {
  readonly name: string;
  readonly checksum: string;
  readonly migration: Migration;
}

interface AppliedRow {
  readonly name: string;
  readonly checksum: string;
}

/** Any two numbers, the same in each migrator: PostgreSQL's advisory locks are per database. */
const lockKey = '1163084116, 1';

/** How often a migration is tried that did not get a table's lock, while the application goes on. */
const lockAttempts = 10;

/**
 * Runs the one ordered list of migrations, forwards and back. TypeORM's own runner takes no lock, and its way back
 * deletes child rows on SQLite.
 */
export class Migrator {
  constructor(
    private readonly dataSource: DataSource,
    private readonly schema: ReleasedSchema = releasedSchema,
    private readonly options: MigratorOptions = {},
  ) {}

  /**
   * Compares the database's history with the migrations of this release; changes nothing.
   * @throws MigrationRefusedError where one is missing in between, unknown or edited
   */
  async status(): Promise<MigrationStatus> {
    return this.withRunner((runner) => this.readStatus(runner));
  }

  /**
   * Applies what is pending, each migration in a transaction of its own unless it says `transaction = false`.
   * Several at once are safe: one runs, the others find nothing left to do. On PostgreSQL the roles of
   * scripts/postgres-roles.sql, where they exist, then get their rights on what there is.
   * @param to the last one to apply
   * @returns the names of those it applied
   * @throws MigrationRefusedError as in `status`, where `to` is unknown, or where another migrator does not end
   */
  async up(to?: string): Promise<string[]> {
    if (to !== undefined) this.known(to);
    const applied: string[] = [];
    await this.exclusively(async (runner) => {
      for (;;) {
        const name = await this.patiently(() => this.applyNext(runner, to));
        if (name === undefined) break;
        applied.push(name);
        this.options.report?.(`Applied ${name}`);
      }
      if (dialectOf(this.dataSource) === 'sqlite') return;
      const roles = await this.patiently(() => grantRights(runner));
      if (roles.length > 0) this.options.report?.(`Granted their rights to ${roles.join(' and ')}`);
    });
    return applied;
  }

  /**
   * Undoes the last `count` migrations, the newest first. Rows of other tables stay, also those that refer to what goes.
   * @returns the names of those it undid
   * @throws MigrationRefusedError as in `status`, or where one of them can't be undone; then none is
   */
  async down(count = 1): Promise<string[]> {
    const undone: string[] = [];
    await this.exclusively(async (runner) => {
      const { applied, ahead } = await this.readStatus(runner);
      if (ahead.length > 0)
        throw new MigrationRefusedError(
          `${ahead.join(', ')} came with a newer release: go down with that one first.`,
        );
      const names = applied.slice(-count).reverse();
      for (const name of names) {
        const { irreversible } = this.known(name).migration;
        if (irreversible) throw new MigrationRefusedError(`${name} can't be undone: ${irreversible}`);
      }
      for (const name of names) {
        await this.patiently(() => this.undo(runner, this.known(name)));
        undone.push(name);
        this.options.report?.(`Undid ${name}`);
      }
    });
    return undone;
  }

  /**
   * The SQL that `up` would run. It is written down instead of being run; only what a migration reads is read, in a
   * transaction that can't write.
   */
  async plan(to?: string): Promise<PlannedMigration[]> {
    if (to !== undefined) this.known(to);
    return this.withRunner(async (runner) => {
      const { pending } = await this.readStatus(runner);
      const last = to === undefined ? pending.length : pending.indexOf(to) + 1;
      const postgres = dialectOf(this.dataSource) === 'postgres';
      if (postgres) await runner.query('START TRANSACTION READ ONLY');
      try {
        const planned: PlannedMigration[] = [];
        for (const name of pending.slice(0, last)) planned.push(await recorded(runner, this.known(name)));
        return planned;
      } finally {
        if (postgres) await runner.query('ROLLBACK');
      }
    });
  }

  private async withRunner<T>(work: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    try {
      return await work(runner);
    } finally {
      await runner.release();
    }
  }

  /**
   * PostgreSQL: under a lock of the session, polled, because the blocking form deadlocks with CREATE INDEX
   * CONCURRENTLY. SQLite: BEGIN IMMEDIATE is the lock; foreign keys are checked at the end of each migration.
   */
  private exclusively(work: (runner: QueryRunner) => Promise<void>): Promise<void> {
    return this.withRunner(async (runner) => {
      if (dialectOf(this.dataSource) === 'sqlite') {
        await runner.query('PRAGMA foreign_keys = OFF');
        await work(runner).finally(() => runner.query('PRAGMA foreign_keys = ON'));
      } else {
        await this.lock(runner);
        await work(runner).finally(() =>
          runner.query(`SELECT pg_advisory_unlock(${lockKey})`).catch(() => undefined),
        );
      }
    });
  }

  private async lock(runner: QueryRunner): Promise<void> {
    const deadline = performance.now() + (this.options.lockWaitMs ?? 120_000);
    for (let told = false; ; told = true) {
      const [row] = await queryRows<{ locked: boolean }>(
        runner,
        `SELECT pg_try_advisory_lock(${lockKey}) AS "locked"`,
      );
      if (row?.locked) return;
      if (performance.now() > deadline)
        throw new MigrationRefusedError(
          'Another migration has been running for too long; see pg_stat_activity.',
        );
      if (!told) this.options.report?.('Waiting for another migration to end');
      await sleep(100 + Math.random() * 200);
    }
  }

  /** Tries again what did not get a lock in `lock_timeout`: waiting longer would stop the application behind it. */
  private async patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (attempt === lockAttempts || !(isLockTimeout(error) || isSerializationFailure(error))) throw error;
        this.options.report?.(`A table is in use, trying again (${attempt} of ${lockAttempts - 1})`);
      }
      await sleep(500 * attempt * (0.5 + Math.random()));
    }
  }

  /** Applies the next pending migration; undefined where there is none up to `to`. */
  private async applyNext(runner: QueryRunner, to?: string): Promise<string | undefined> {
    let outside: KnownMigration | undefined;
    const name = await this.inTransaction(runner, async () => {
      await this.createTable(runner);
      const { applied, pending } = await this.readStatus(runner);
      const next = to !== undefined && applied.includes(to) ? undefined : pending[0];
      if (next === undefined) return undefined;
      const known = this.known(next);
      if (known.migration.transaction === false && dialectOf(this.dataSource) === 'postgres') {
        outside = known;
        return undefined;
      }
      await known.migration.up(runner);
      await this.record(runner, known);
      return next;
    });
    if (!outside) return name;
    await outside.migration.up(runner);
    await this.record(runner, outside);
    return outside.name;
  }

  private async undo(runner: QueryRunner, { name, migration }: KnownMigration): Promise<void> {
    const postgres = dialectOf(this.dataSource) === 'postgres';
    const forget = () =>
      runner.query(`DELETE FROM "migrations" WHERE "name" = ${postgres ? '$1' : '?'}`, [name]);
    if (migration.transaction === false && postgres) {
      await migration.down(runner);
      await forget();
      return;
    }
    await this.inTransaction(runner, async () => {
      await migration.down(runner);
      await forget();
    });
  }

  private async inTransaction<T>(runner: QueryRunner, work: () => Promise<T>): Promise<T> {
    await runner.startTransaction();
    try {
      const result = await work();
      if (dialectOf(this.dataSource) === 'sqlite') await assertForeignKeys(runner);
      await runner.commitTransaction();
      return result;
    } catch (error) {
      if (runner.isTransactionActive) await runner.rollbackTransaction();
      throw error;
    }
  }

  /** The table as TypeORM knows it, with what was applied and when. */
  private async createTable(runner: QueryRunner): Promise<void> {
    if (await runner.hasTable('migrations')) return;
    const [id, instant] =
      dialectOf(this.dataSource) === 'postgres'
        ? ['integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY', 'timestamptz(3)']
        : ['integer PRIMARY KEY AUTOINCREMENT', 'datetime'];
    await runner.query(
      `CREATE TABLE "migrations" ("id" ${id}, "timestamp" bigint NOT NULL, "name" varchar(200) NOT NULL,
       "checksum" varchar(64) NOT NULL, "applied_at" ${instant} NOT NULL)`,
    );
  }

  private async record(runner: QueryRunner, { name, checksum }: KnownMigration): Promise<void> {
    const [values, now] =
      dialectOf(this.dataSource) === 'postgres'
        ? ['$1, $2, $3', 'now()']
        : ['?, ?, ?', `strftime('%Y-%m-%d %H:%M:%f','now')`];
    await runner.query(
      `INSERT INTO "migrations" ("timestamp", "name", "checksum", "applied_at") VALUES (${values}, ${now})`,
      [timestampOf(name), name, checksum],
    );
  }

  private async readStatus(runner: QueryRunner): Promise<MigrationStatus> {
    const rows = (await runner.hasTable('migrations'))
      ? await queryRows<AppliedRow>(runner, 'SELECT "name", "checksum" FROM "migrations" ORDER BY "id"')
      : [];
    return compareHistory(this.list(), rows);
  }

  private known(name: string): KnownMigration {
    const found = this.list().find((known) => known.name === name);
    if (!found) throw new MigrationRefusedError(`There is no migration ${name}.`);
    return found;
  }

  private list(): KnownMigration[] {
    const { checksums } = this.schema;
    return this.schema.migrations.map((Class) => {
      const migration = new Class();
      const name = migration.name ?? Class.name;
      const checksum = checksums[name];
      if (checksum === undefined)
        throw new MigrationRefusedError(`${name} has no checksum: run \`npm run schema:fingerprint\`.`);
      return { name, checksum, migration };
    });
  }
}

/**
 * Opens a migrator, lets `work` use it, and closes it.
 * @param options.readOnly leaves no trace: a SQLite file that is not there is not made
 */
export async function withMigrator<T>(
  settings: DatabaseSettings,
  work: (migrator: Migrator, dataSource: DataSource) => Promise<T>,
  options: MigratorOptions & { readonly readOnly?: boolean; readonly schema?: ReleasedSchema } = {},
): Promise<T> {
  const missing = options.readOnly && settings.url.kind === 'sqlite' && !existsSync(settings.url.path);
  const folder = missing ? await mkdtemp(join(tmpdir(), 'ecatalog-')) : undefined;
  const url = folder ? { kind: 'sqlite' as const, path: join(folder, 'empty.db') } : settings.url;
  const mustExist = settings.mustExist && !folder;
  const dataSource = buildDataSource({ ...settings, url, mustExist }, { role: 'migrator' });
  try {
    await dataSource.initialize();
    return await work(new Migrator(dataSource, options.schema, options), dataSource);
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
    if (folder) await rm(folder, { recursive: true });
  }
}

/** The instant in a migration's name, as TypeORM has it: its last 13 digits. */
function timestampOf(name: string): number {
  return Number(name.slice(-13));
}

/** @throws MigrationRefusedError where one is missing in between, unknown or edited */
function compareHistory(list: readonly KnownMigration[], rows: readonly AppliedRow[]): MigrationStatus {
  const names = list.map((known) => known.name);
  const applied = rows.map((row) => row.name).filter((name) => names.includes(name));
  const foreign = rows.map((row) => row.name).filter((name) => !names.includes(name));
  const newest = Math.max(0, ...names.map(timestampOf));
  const old = foreign.filter((name) => timestampOf(name) <= newest);
  if (old.length > 0)
    throw new MigrationRefusedError(
      `${old.join(', ')} was applied to this database but is not part of this release: is it another program's?`,
    );
  const pending = names.filter((name) => !applied.includes(name));
  const [gap] = pending;
  const later = [...applied.filter((name) => names.indexOf(name) > names.indexOf(gap ?? '')), ...foreign];
  if (gap !== undefined && later.length > 0)
    throw new MigrationRefusedError(`${gap} was never applied, but ${later.join(', ')} after it was.`);
  for (const { name, checksum } of rows) {
    const expected = list.find((known) => known.name === name)?.checksum;
    if (expected !== undefined && expected !== checksum)
      throw new MigrationRefusedError(
        `${name} was edited after it was applied (checksum ${checksum.slice(0, 8)}…, now ${expected.slice(0, 8)}…): take the edit back and write a new migration.`,
      );
  }
  return { applied, pending, ahead: foreign };
}

async function assertForeignKeys(runner: QueryRunner): Promise<void> {
  const violations = await queryRows<{ table: string; parent: string }>(runner, 'PRAGMA foreign_key_check');
  const [first] = violations;
  if (first)
    throw new Error(
      `${violations.length} rows refer to rows that are not there; the first is in ${first.table}, to ${first.parent}.`,
    );
}

/** Runs a migration on a runner that writes down what is not a query. */
async function recorded(runner: QueryRunner, { name, migration }: KnownMigration): Promise<PlannedMigration> {
  const statements: string[] = [];
  const recorder = new Proxy(runner, {
    get(target, key, receiver) {
      if (key !== 'query') return Reflect.get(target, key, receiver) as unknown;
      return (text: string, parameters?: unknown[]) => {
        if (/^\s*(select|with|show|explain)\b/i.test(text)) return target.query(text, parameters);
        statements.push(parameters?.length ? `${text.trim()} -- ${JSON.stringify(parameters)}` : text.trim());
        return Promise.resolve([]);
      };
    },
  });
  await migration.up(recorder);
  return { name, statements };
}
