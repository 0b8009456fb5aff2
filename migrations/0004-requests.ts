import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/** What clients ask for: more time, or more demos. */
export class Requests1763683200004 implements MigrationInterface {
  readonly name = 'Requests1763683200004';

  async up(runner: QueryRunner): Promise<void> {
    const { id, instant, text, run, touchTrigger } = ddl(runner);
    await run(
      `CREATE TABLE "requests" (
        "id" ${id} NOT NULL,
        "client_id" ${id} NOT NULL,
        ${text('requests', 'kind', 10)},
        ${text('requests', 'status', 10)},
        "days" integer,
        ${text('requests', 'message', 2000, 'NULL')},
        ${text('requests', 'note', 2000, 'NULL')},
        ${text('requests', 'decided_by_kind', 10, 'NULL')},
        "decided_by_id" ${id},
        "decided_at" ${instant},
        "version" integer NOT NULL,
        "created_at" ${instant} NOT NULL,
        "updated_at" ${instant} NOT NULL,
        CONSTRAINT "pk_requests" PRIMARY KEY ("id"),
        CONSTRAINT "ck_requests_kind_known" CHECK ("kind" IN ('renewal','access')),
        CONSTRAINT "ck_requests_status_known" CHECK ("status" IN ('pending','approved','rejected','cancelled')),
        CONSTRAINT "ck_requests_days" CHECK ("days" >= 1),
        CONSTRAINT "ck_requests_days_given" CHECK (("kind" = 'renewal') = ("days" IS NOT NULL)),
        CONSTRAINT "ck_requests_decided" CHECK (("status" = 'pending') = ("decided_at" IS NULL)),
        CONSTRAINT "ck_requests_decided_by_known" CHECK ("decided_by_kind" IN ('user','client','key','system')),
        CONSTRAINT "fk_requests_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
      )`,
      `CREATE UNIQUE INDEX "uq_requests_pending" ON "requests" ("client_id", "kind") WHERE "status" = 'pending'`,
      `CREATE INDEX "ix_requests_status_created_at" ON "requests" ("status", "created_at", "id")`,
      `CREATE INDEX "ix_requests_client_id_created_at" ON "requests" ("client_id", "created_at", "id")`,
      `CREATE TABLE "request_items" (
        "request_id" ${id} NOT NULL,
        "demo_id" ${id} NOT NULL,
        "approved" boolean,
        CONSTRAINT "pk_request_items" PRIMARY KEY ("request_id", "demo_id"),
        CONSTRAINT "fk_request_items_request_id" FOREIGN KEY ("request_id") REFERENCES "requests" ("id") ON DELETE CASCADE,
        CONSTRAINT "fk_request_items_demo_id" FOREIGN KEY ("demo_id") REFERENCES "demos" ("id")
      )`,
      `CREATE INDEX "ix_request_items_demo_id" ON "request_items" ("demo_id")`,
    );
    await touchTrigger('requests');
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(`DROP TABLE "request_items"`, `DROP TABLE "requests"`);
  }
}
