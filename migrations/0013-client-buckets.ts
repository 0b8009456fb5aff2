import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/** Which clients opened anything in each calendar week and month: so many rows, however many events there are. */
export class ClientBuckets1763942400013 implements MigrationInterface {
  readonly name = 'ClientBuckets1763942400013';

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
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(`DROP TABLE "usage_client_buckets"`);
  }
}
