import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/** Views for people who report with SQL. No rule of the product reads them. */
export class ReportViews1763683200006 implements MigrationInterface {
  readonly name = 'ReportViews1763683200006';

  async up(runner: QueryRunner): Promise<void> {
    const { now, run } = ddl(runner);
    await run(
      `CREATE VIEW "v_active_clients" AS
        SELECT "id", "name", "email", "company", "language", "access_starts_at", "access_ends_at", "created_at"
        FROM "clients"
        WHERE "erased_at" IS NULL AND "revoked_at" IS NULL AND "access_starts_at" <= ${now} AND "access_ends_at" > ${now}`,
      `CREATE VIEW "v_active_demos" AS
        SELECT "id", "slug", "title", "summary", "category", "launch_kind", "published_at", "created_at"
        FROM "demos" WHERE "status" = 'published'`,
      `CREATE VIEW "v_pending_requests" AS
        SELECT r."id", r."client_id", c."name" AS "client_name", r."kind", r."days", r."message", r."created_at"
        FROM "requests" r JOIN "clients" c ON c."id" = r."client_id"
        WHERE r."status" = 'pending'`,
      `CREATE VIEW "v_client_usage_stats" AS
        SELECT c."id" AS "client_id", c."name" AS "client_name", c."company",
          COALESCE(SUM(u."opens"), 0) AS "opens",
          COALESCE(SUM(u."duration_seconds"), 0) AS "duration_seconds",
          MAX(u."last_opened_at") AS "last_opened_at"
        FROM "clients" c LEFT JOIN "usage_daily_clients" u ON u."client_id" = c."id"
        GROUP BY c."id", c."name", c."company"`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(
      `DROP VIEW "v_client_usage_stats"`,
      `DROP VIEW "v_pending_requests"`,
      `DROP VIEW "v_active_demos"`,
      `DROP VIEW "v_active_clients"`,
    );
  }
}
