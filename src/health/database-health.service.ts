import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { DataSource } from 'typeorm';
import { DatabaseConnection } from '../database/connection.js';
import { DatabaseUnavailableError } from '../database/errors.js';
import { UnitPostgresDriver } from '../database/postgres/unit-driver.js';
import { LaneSqliteDriver } from '../database/sqlite/lane-driver.js';
import { UnitOfWork } from '../database/unit-of-work.js';

/** A check that takes longer is answered as down. */
const TIMEOUT = 3000;
/** How long a result is shared: probes must not load what they watch. */
const SHARED = 1000;

/** What the health routes say about the database. Messages name no host, file or statement. */
@Injectable()
export class DatabaseHealth {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly connection: DatabaseConnection,
    private readonly dataSource: DataSource,
    private readonly uow: UnitOfWork,
  ) {}

  /** `database`: it answers, and no migration is pending; one that a newer release has migrated is fine. */
  async ready(): Promise<HealthIndicatorResult> {
    return this.indicators
      .check('database')
      .attempt(async () => {
        const { up, pendingMigrations } = await this.connection.check();
        if (pendingMigrations > 0) throw new Error('Migrations are pending.');
        if (!up) throw new Error('The database does not answer.');
      })
      .withTimeout(TIMEOUT);
  }

  /** `connection`, `tables` and `writeAccess`, each for itself; they change nothing. */
  parts(): (() => PromiseLike<HealthIndicatorResult>)[] {
    return [
      this.shared('connection', () => this.uow.query('SELECT 1 AS "one"')),
      this.shared('tables', () => this.findTables()),
      // Takes the write lock and the privilege that a real write takes, and writes no row.
      this.shared('writeAccess', () =>
        this.uow.run(() => this.uow.execute('UPDATE "system_config" SET "version" = "version" WHERE 1 = 0')),
      ),
    ];
  }

  /** `details`: dialect, last migration, pool and size, for those who run the product. */
  details(): () => PromiseLike<HealthIndicatorResult> {
    return this.shared('details', async () => {
      const [migration] = await this.uow.query<{ name: string }>(
        'SELECT "name" FROM "migrations" ORDER BY "id" DESC LIMIT 1',
      );
      const { ahead, pendingMigrations } = this.connection.status();
      return {
        dialect: this.uow.dialect,
        migrationVersion: migration?.name ?? null,
        pendingMigrations,
        aheadOfThisRelease: ahead,
        pool: this.pool(),
        sizeBytes: await this.size(),
      };
    });
  }

  /** A check whose result is shared; what it resolves to is shown where it is an object. */
  private shared(name: string, check: () => Promise<unknown>) {
    return () =>
      this.indicators
        .check(name)
        .attempt(async () => {
          try {
            return (await check()) as Record<string, unknown>;
          } catch (error) {
            const detail = error instanceof DatabaseUnavailableError ? error.detail : 'The check failed.';
            throw new Error(detail, { cause: error });
          }
        })
        .withTimeout(TIMEOUT)
        .cacheFor(SHARED);
  }

  private async findTables(): Promise<void> {
    const rows = await this.uow.query<{ name: string }>({
      sqlite: `SELECT "name" FROM sqlite_master WHERE "type" = 'table'`,
      postgres: `SELECT tablename AS "name" FROM pg_tables WHERE schemaname = current_schema()`,
    });
    const present = new Set(rows.map((row) => row.name));
    if (!this.dataSource.entityMetadatas.every((entity) => present.has(entity.tableName))) throw new Error();
  }

  private pool(): { total: number; idle: number; waiting: number } {
    const { driver } = this.dataSource;
    if (driver instanceof UnitPostgresDriver) return driver.poolState;
    if (!(driver instanceof LaneSqliteDriver)) return { total: 0, idle: 0, waiting: 0 };
    // One connection that reads and one that writes, in single file.
    const { occupied, waiting } = driver.lane;
    return { total: 2, idle: occupied ? 1 : 2, waiting };
  }

  private async size(): Promise<number> {
    const [row] = await this.uow.query<{ bytes: number }>(
      {
        sqlite: `SELECT page_count * page_size AS "bytes" FROM pragma_page_count(), pragma_page_size()`,
        postgres: `SELECT pg_database_size(current_database()) AS "bytes"`,
      },
      {},
      { bytes: 'integer' },
    );
    return row!.bytes;
  }
}
