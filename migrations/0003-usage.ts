import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/** Demo sessions, usage events, and the daily rollups that analytics reads. */
export class Usage1763683200003 implements MigrationInterface {
  readonly name = 'Usage1763683200003';

  async up(runner: QueryRunner): Promise<void> {
    const { id, instant, text, run } = ddl(runner);
    await run(
      // lapses_at is the instant at which the session ends if nothing more happens: live means not ended and not lapsed.
      `CREATE TABLE "demo_sessions" (
        "id" ${id} NOT NULL,
        "client_id" ${id} NOT NULL,
        "demo_id" ${id} NOT NULL,
        "opened_at" ${instant} NOT NULL,
        "activated_at" ${instant},
        "last_seen_at" ${instant},
        "activate_by" ${instant} NOT NULL,
        "idle_seconds" integer NOT NULL,
        "max_ends_at" ${instant} NOT NULL,
        "expires_at" ${instant} NOT NULL,
        "lapses_at" ${instant} NOT NULL,
        "ended_at" ${instant},
        ${text('demo_sessions', 'end_reason', 20, 'NULL')},
        CONSTRAINT "pk_demo_sessions" PRIMARY KEY ("id"),
        CONSTRAINT "ck_demo_sessions_window" CHECK ("expires_at" <= "max_ends_at" AND "lapses_at" <= "expires_at"),
        CONSTRAINT "ck_demo_sessions_idle" CHECK ("idle_seconds" > 0),
        CONSTRAINT "ck_demo_sessions_ended" CHECK ("ended_at" >= "opened_at"),
        CONSTRAINT "ck_demo_sessions_end_reason_known" CHECK ("end_reason" IN ('closed','not-activated','idle','max-age','access-ended','grant-removed','access-revoked','client-erased','demo-unpublished','demo-retired')),
        CONSTRAINT "ck_demo_sessions_end_reason_given" CHECK (("ended_at" IS NULL) = ("end_reason" IS NULL)),
        CONSTRAINT "fk_demo_sessions_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id"),
        CONSTRAINT "fk_demo_sessions_demo_id" FOREIGN KEY ("demo_id") REFERENCES "demos" ("id")
      )`,
      `CREATE UNIQUE INDEX "uq_demo_sessions_open" ON "demo_sessions" ("client_id", "demo_id") WHERE "ended_at" IS NULL`,
      `CREATE INDEX "ix_demo_sessions_open_demo_id" ON "demo_sessions" ("demo_id", "lapses_at") WHERE "ended_at" IS NULL`,
      `CREATE INDEX "ix_demo_sessions_open_lapses_at" ON "demo_sessions" ("lapses_at") WHERE "ended_at" IS NULL`,
      `CREATE INDEX "ix_demo_sessions_opened_at" ON "demo_sessions" ("opened_at", "id")`,
      `CREATE INDEX "ix_demo_sessions_client_id" ON "demo_sessions" ("client_id", "opened_at", "id")`,
      `CREATE INDEX "ix_demo_sessions_demo_id" ON "demo_sessions" ("demo_id", "opened_at", "id")`,
      `CREATE TABLE "usage_analytics" (
        "id" ${id} NOT NULL,
        "demo_session_id" ${id} NOT NULL,
        "client_id" ${id} NOT NULL,
        "demo_id" ${id} NOT NULL,
        ${text('usage_analytics', 'kind', 10)},
        "at" ${instant} NOT NULL,
        "duration_seconds" integer,
        CONSTRAINT "pk_usage_analytics" PRIMARY KEY ("id"),
        CONSTRAINT "ck_usage_analytics_kind_known" CHECK ("kind" IN ('opened','activated','ended')),
        CONSTRAINT "ck_usage_analytics_duration" CHECK ("duration_seconds" >= 0),
        CONSTRAINT "fk_usage_analytics_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id"),
        CONSTRAINT "fk_usage_analytics_demo_id" FOREIGN KEY ("demo_id") REFERENCES "demos" ("id")
      )`,
      `CREATE INDEX "ix_usage_analytics_at" ON "usage_analytics" ("at", "id")`,
      `CREATE INDEX "ix_usage_analytics_demo_id_at" ON "usage_analytics" ("demo_id", "at", "id")`,
      `CREATE INDEX "ix_usage_analytics_client_id_at" ON "usage_analytics" ("client_id", "at", "id")`,
      // Unique clients do not add up: three grains, each counted once, in the usage row's transaction.
      `CREATE TABLE "usage_daily" (
        ${text('usage_daily', 'day', 10)},
        "demo_id" ${id} NOT NULL,
        "client_id" ${id} NOT NULL,
        "opens" integer NOT NULL,
        "duration_seconds" bigint NOT NULL,
        "last_opened_at" ${instant} NOT NULL,
        CONSTRAINT "pk_usage_daily" PRIMARY KEY ("day", "demo_id", "client_id"),
        CONSTRAINT "fk_usage_daily_demo_id" FOREIGN KEY ("demo_id") REFERENCES "demos" ("id"),
        CONSTRAINT "fk_usage_daily_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id")
      )`,
      `CREATE INDEX "ix_usage_daily_demo_id_day" ON "usage_daily" ("demo_id", "day")`,
      `CREATE INDEX "ix_usage_daily_client_id_day" ON "usage_daily" ("client_id", "day")`,
      `CREATE TABLE "usage_daily_clients" (
        ${text('usage_daily_clients', 'day', 10)},
        "client_id" ${id} NOT NULL,
        "opens" integer NOT NULL,
        "duration_seconds" bigint NOT NULL,
        "last_opened_at" ${instant} NOT NULL,
        CONSTRAINT "pk_usage_daily_clients" PRIMARY KEY ("day", "client_id"),
        CONSTRAINT "fk_usage_daily_clients_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id")
      )`,
      `CREATE INDEX "ix_usage_daily_clients_client_id_day" ON "usage_daily_clients" ("client_id", "day")`,
      `CREATE TABLE "usage_daily_totals" (
        ${text('usage_daily_totals', 'day', 10)},
        "opens" integer NOT NULL,
        "unique_clients" integer NOT NULL,
        "duration_seconds" bigint NOT NULL,
        CONSTRAINT "pk_usage_daily_totals" PRIMARY KEY ("day")
      )`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(
      `DROP TABLE "usage_daily_totals"`,
      `DROP TABLE "usage_daily_clients"`,
      `DROP TABLE "usage_daily"`,
      `DROP TABLE "usage_analytics"`,
      `DROP TABLE "demo_sessions"`,
    );
  }
}
