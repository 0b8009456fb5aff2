import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/** What accounts are told, by mail and in their inbox, and the periodic work. */
export class NotificationsAndJobs1763769600009 implements MigrationInterface {
  readonly name = 'NotificationsAndJobs1763769600009';

  async up(runner: QueryRunner): Promise<void> {
    const { id, instant, text, run } = ddl(runner);
    await run(
      // params are the values of the text, which is made in the account's language when it is read.
      `CREATE TABLE "notifications" (
        "id" ${id} NOT NULL,
        "user_id" ${id},
        "client_id" ${id},
        ${text('notifications', 'kind', 40)},
        "params" json NOT NULL,
        ${text('notifications', 'dedupe_key', 200, 'NULL')},
        "created_at" ${instant} NOT NULL,
        "read_at" ${instant},
        CONSTRAINT "pk_notifications" PRIMARY KEY ("id"),
        CONSTRAINT "uq_notifications_dedupe_key" UNIQUE ("dedupe_key"),
        CONSTRAINT "ck_notifications_kind_known" CHECK ("kind" IN ('request-received','request-decided','access-ending','access-ended','password-changed')),
        CONSTRAINT "ck_notifications_one_account" CHECK (("user_id" IS NULL) <> ("client_id" IS NULL)),
        CONSTRAINT "fk_notifications_user_id" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
        CONSTRAINT "fk_notifications_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "ix_notifications_user_id" ON "notifications" ("user_id", "created_at", "id")`,
      `CREATE INDEX "ix_notifications_client_id" ON "notifications" ("client_id", "created_at", "id")`,
      // content is encrypted by DATA_KEY, because it can hold a link, and is emptied when the mail is sent.
      `CREATE TABLE "mail_outbox" (
        "id" ${id} NOT NULL,
        "user_id" ${id},
        "client_id" ${id},
        ${text('mail_outbox', 'template', 40)},
        "content" text,
        "created_at" ${instant} NOT NULL,
        "attempts" integer NOT NULL,
        "next_attempt_at" ${instant},
        "sent_at" ${instant},
        "failed_at" ${instant},
        ${text('mail_outbox', 'last_error', 500, 'NULL')},
        CONSTRAINT "pk_mail_outbox" PRIMARY KEY ("id"),
        CONSTRAINT "ck_mail_outbox_one_account" CHECK (("user_id" IS NULL) <> ("client_id" IS NULL)),
        CONSTRAINT "ck_mail_outbox_attempts" CHECK ("attempts" >= 0),
        CONSTRAINT "fk_mail_outbox_user_id" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
        CONSTRAINT "fk_mail_outbox_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "ix_mail_outbox_next_attempt_at" ON "mail_outbox" ("next_attempt_at") WHERE "next_attempt_at" IS NOT NULL`,
      `CREATE INDEX "ix_mail_outbox_user_id" ON "mail_outbox" ("user_id")`,
      `CREATE INDEX "ix_mail_outbox_client_id" ON "mail_outbox" ("client_id")`,
      // A lease: whoever holds it does the job; one that died loses it by the clock.
      `CREATE TABLE "jobs" (
        ${text('jobs', 'name', 60)},
        ${text('jobs', 'leased_by', 60, 'NULL')},
        "leased_until" ${instant},
        "last_run_at" ${instant},
        ${text('jobs', 'last_result', 1000, 'NULL')},
        "next_run_at" ${instant},
        CONSTRAINT "pk_jobs" PRIMARY KEY ("name")
      )`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(`DROP TABLE "jobs"`, `DROP TABLE "mail_outbox"`, `DROP TABLE "notifications"`);
  }
}
