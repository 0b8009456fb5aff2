import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/**
 * Usage by demo and by client as running sums: any period is the difference of two rows, however many events lie in
 * it. The unique clients of a demo are counted from an index alone, and so are the finds of a search in a category.
 */
export class HotPaths1763856000012 implements MigrationInterface {
  readonly name = 'HotPaths1763856000012';

  async up(runner: QueryRunner): Promise<void> {
    const { id, instant, text, dialect, run } = ddl(runner);
    // One tree in place of a table and its index: they are sought, never read through.
    const rowless = dialect === 'sqlite' ? ' WITHOUT ROWID' : '';
    for (const [what, source] of [
      ['demo', 'usage_daily'],
      ['client', 'usage_daily_clients'],
    ] as const) {
      const [totals, balances, key] = [`usage_${what}_totals`, `usage_${what}_balances`, `${what}_id`];
      await run(
        `CREATE TABLE "${totals}" (
          "${key}" ${id} NOT NULL,
          "opens" integer NOT NULL,
          "duration_seconds" bigint NOT NULL,
          "last_opened_at" ${instant} NOT NULL,
          CONSTRAINT "pk_${totals}" PRIMARY KEY ("${key}"),
          CONSTRAINT "fk_${totals}_${key}" FOREIGN KEY ("${key}") REFERENCES "${what}s" ("id")
        )`,
        // A row for each day with opens: what had been opened before that day.
        `CREATE TABLE "${balances}" (
          "${key}" ${id} NOT NULL,
          ${text(balances, 'day', 10)},
          "opens" integer NOT NULL,
          "duration_seconds" bigint NOT NULL,
          CONSTRAINT "pk_${balances}" PRIMARY KEY ("${key}", "day"),
          CONSTRAINT "fk_${balances}_${key}" FOREIGN KEY ("${key}") REFERENCES "${what}s" ("id")
        )${rowless}`,
        `INSERT INTO "${totals}" ("${key}", "opens", "duration_seconds", "last_opened_at")
          SELECT "${key}", sum("opens"), sum("duration_seconds"), max("last_opened_at") FROM "${source}" GROUP BY "${key}"`,
        `INSERT INTO "${balances}" ("${key}", "day", "opens", "duration_seconds")
          SELECT "${key}", "day",
            sum("opens") OVER "earlier" - "opens",
            sum("duration_seconds") OVER "earlier" - "duration_seconds"
          FROM (SELECT "${key}", "day", sum("opens") AS "opens", sum("duration_seconds") AS "duration_seconds"
            FROM "${source}" GROUP BY "${key}", "day") d
          WINDOW "earlier" AS (PARTITION BY "${key}" ORDER BY "day")`,
      );
    }
    await run(
      `CREATE INDEX "ix_usage_daily_demo_id_day_client_id" ON "usage_daily" ("demo_id", "day", "client_id")`,
      `DROP INDEX "ix_usage_daily_demo_id_day"`,
      // PostgreSQL takes no text of that length into an index.
      { sqlite: `DROP INDEX "ix_demos_category"` },
      {
        sqlite: `CREATE INDEX "ix_demos_category" ON "demos" ("category", "status", "created_at", "id", "search_text")`,
      },
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(
      { sqlite: `DROP INDEX "ix_demos_category"` },
      {
        sqlite: `CREATE INDEX "ix_demos_category" ON "demos" ("category", "status", "created_at", "id")`,
      },
      `CREATE INDEX "ix_usage_daily_demo_id_day" ON "usage_daily" ("demo_id", "day")`,
      `DROP INDEX "ix_usage_daily_demo_id_day_client_id"`,
      ...['client', 'demo'].flatMap((what) => [
        `DROP TABLE "usage_${what}_balances"`,
        `DROP TABLE "usage_${what}_totals"`,
      ]),
    );
  }
}
