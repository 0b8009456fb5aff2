import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/**
 * Unique clients without reading every day: which clients opened anything in each calendar week and month, and of how
 * many clients a demo's day is the last one so far, whose sum over the days is how many used it since.
 */
export class UniqueClients1763942400013 implements MigrationInterface {
  readonly name = 'UniqueClients1763942400013';

  async up(runner: QueryRunner): Promise<void> {
    const { id, text, dialect, run } = ddl(runner);
    const table = 'usage_client_buckets';
    const starts = {
      week: {
        sqlite: `date("day", 'weekday 0', '-6 days')`,
        postgres: `to_char(date_trunc('week', "day"::date), 'YYYY-MM-DD')`,
      },
      month: { sqlite: `substr("day", 1, 7) || '-01'`, postgres: `substr("day", 1, 7) || '-01'` },
    };
    await run(
      `CREATE TABLE "${table}" (
        ${text(table, 'bucket', 5)},
        ${text(table, 'start', 10)},
        "client_id" ${id} NOT NULL,
        CONSTRAINT "pk_${table}" PRIMARY KEY ("bucket", "start", "client_id"),
        CONSTRAINT "ck_${table}_bucket_known" CHECK ("bucket" IN ('week','month')),
        CONSTRAINT "fk_${table}_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id")
      )${dialect === 'sqlite' ? ' WITHOUT ROWID' : ''}`,
      ...Object.entries(starts).map(
        ([bucket, start]) =>
          `INSERT INTO "${table}" ("bucket", "start", "client_id")
            SELECT DISTINCT '${bucket}', ${start[dialect]}, "client_id" FROM "usage_daily_clients"`,
      ),
      // When a client used a demo before, or after: one look.
      `CREATE INDEX "ix_usage_daily_client_id_demo_id_day" ON "usage_daily" ("client_id", "demo_id", "day")`,
      `DROP INDEX "ix_usage_daily_client_id_day"`,
      `ALTER TABLE "usage_demo_balances" ADD COLUMN "last_clients" integer NOT NULL DEFAULT 0`,
      `UPDATE "usage_demo_balances" SET "last_clients" = l."clients"
        FROM (SELECT "demo_id", "last", count(*) AS "clients" FROM
          (SELECT "demo_id", max("day") AS "last" FROM "usage_daily" GROUP BY "client_id", "demo_id") d
          GROUP BY "demo_id", "last") l
        WHERE l."demo_id" = "usage_demo_balances"."demo_id" AND l."last" = "usage_demo_balances"."day"`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(
      `ALTER TABLE "usage_demo_balances" DROP COLUMN "last_clients"`,
      `CREATE INDEX "ix_usage_daily_client_id_day" ON "usage_daily" ("client_id", "day")`,
      `DROP INDEX "ix_usage_daily_client_id_demo_id_day"`,
      `DROP TABLE "usage_client_buckets"`,
    );
  }
}
