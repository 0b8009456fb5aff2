import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/** The append-only, hash-chained audit log, and the settings. */
export class AuditAndSettings1763683200005 implements MigrationInterface {
  readonly name = 'AuditAndSettings1763683200005';

  async up(runner: QueryRunner): Promise<void> {
    const { id, instant, text, run, touchTrigger } = ddl(runner);
    await run(
      // before, after and reason are canonical JSON and text as hashed, so that a moved chain still verifies.
      `CREATE TABLE "audit_log" (
        "id" ${id} NOT NULL,
        "seq" bigint NOT NULL,
        "at" ${instant} NOT NULL,
        ${text('audit_log', 'actor_kind', 10)},
        "actor_id" ${id},
        ${text('audit_log', 'action', 60)},
        ${text('audit_log', 'entity_type', 30)},
        ${text('audit_log', 'entity_id', 60, 'NULL')},
        ${text('audit_log', 'ip', 45, 'NULL')},
        ${text('audit_log', 'request_id', 100, 'NULL')},
        "before" text,
        "after" text,
        "reason" text CONSTRAINT "ck_audit_log_reason" CHECK (length("reason") <= 4000),
        ${text('audit_log', 'hash', 64)},
        CONSTRAINT "pk_audit_log" PRIMARY KEY ("id"),
        CONSTRAINT "uq_audit_log_seq" UNIQUE ("seq"),
        CONSTRAINT "ck_audit_log_actor_kind_known" CHECK ("actor_kind" IN ('user','client','key','system','anonymous'))
      )`,
      `CREATE INDEX "ix_audit_log_at" ON "audit_log" ("at", "seq")`,
      `CREATE INDEX "ix_audit_log_actor_id" ON "audit_log" ("actor_id", "seq")`,
      `CREATE INDEX "ix_audit_log_action" ON "audit_log" ("action", "seq")`,
      `CREATE INDEX "ix_audit_log_entity" ON "audit_log" ("entity_type", "entity_id", "seq")`,
      {
        postgres: `CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN RAISE EXCEPTION 'audit_log is append-only'; END $$`,
      },
      {
        sqlite: `CREATE TRIGGER "tr_audit_log_no_update" BEFORE UPDATE ON "audit_log"
          BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END`,
        postgres: `CREATE TRIGGER "tr_audit_log_no_change" BEFORE UPDATE OR DELETE ON "audit_log"
          FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()`,
      },
      {
        sqlite: `CREATE TRIGGER "tr_audit_log_no_delete" BEFORE DELETE ON "audit_log"
          BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END`,
        postgres: `CREATE TRIGGER "tr_audit_log_no_truncate" BEFORE TRUNCATE ON "audit_log"
          FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()`,
      },
      // A setting that was never changed has no row: its default is in the code.
      `CREATE TABLE "system_config" (
        ${text('system_config', 'key', 60)},
        "value" json,
        "version" integer NOT NULL,
        "created_at" ${instant} NOT NULL,
        "updated_at" ${instant} NOT NULL,
        CONSTRAINT "pk_system_config" PRIMARY KEY ("key")
      )`,
    );
    await touchTrigger('system_config', 'key');
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(`DROP TABLE "system_config"`, `DROP TABLE "audit_log"`, {
      postgres: `DROP FUNCTION refuse_audit_change()`,
    });
  }
}
