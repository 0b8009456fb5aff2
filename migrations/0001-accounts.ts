import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/** Users, clients, and what signs them in: sessions, refresh tokens, single-use tokens, guessing counters. */
export class Accounts1763683200001 implements MigrationInterface {
  readonly name = 'Accounts1763683200001';

  async up(runner: QueryRunner): Promise<void> {
    const { id, instant, now, text, run, touchTrigger } = ddl(runner);
    await run(
      {
        postgres: `CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN NEW."updated_at" = ${now}; RETURN NEW; END $$`,
      },
      `CREATE TABLE "users" (
        "id" ${id} NOT NULL,
        ${text('users', 'name', 200)},
        ${text('users', 'email', 320, 'NULL')},
        ${text('users', 'role', 10)},
        ${text('users', 'language', 2)},
        "version" integer NOT NULL,
        "created_at" ${instant} NOT NULL,
        "updated_at" ${instant} NOT NULL,
        "removed_at" ${instant},
        CONSTRAINT "pk_users" PRIMARY KEY ("id"),
        CONSTRAINT "ck_users_role_known" CHECK ("role" IN ('admin','viewer')),
        CONSTRAINT "ck_users_language_known" CHECK ("language" IN ('en','pt')),
        CONSTRAINT "ck_users_email_kept" CHECK ("email" IS NOT NULL OR "removed_at" IS NOT NULL)
      )`,
      `CREATE INDEX "ix_users_created_at" ON "users" ("created_at", "id")`,
      `CREATE TABLE "clients" (
        "id" ${id} NOT NULL,
        ${text('clients', 'name', 200)},
        ${text('clients', 'email', 320, 'NULL')},
        ${text('clients', 'company', 200, 'NULL')},
        ${text('clients', 'notes', 4000, 'NULL')},
        ${text('clients', 'language', 2)},
        ${text('clients', 'search_text', 1000)},
        "access_starts_at" ${instant} NOT NULL,
        "access_ends_at" ${instant} NOT NULL,
        "revoked_at" ${instant},
        ${text('clients', 'revoke_reason', 1000, 'NULL')},
        "version" integer NOT NULL,
        "created_at" ${instant} NOT NULL,
        "updated_at" ${instant} NOT NULL,
        "erased_at" ${instant},
        CONSTRAINT "pk_clients" PRIMARY KEY ("id"),
        CONSTRAINT "ck_clients_language_known" CHECK ("language" IN ('en','pt')),
        CONSTRAINT "ck_clients_window" CHECK ("access_starts_at" < "access_ends_at"),
        CONSTRAINT "ck_clients_email_kept" CHECK ("email" IS NOT NULL OR "erased_at" IS NOT NULL)
      )`,
      `CREATE INDEX "ix_clients_created_at" ON "clients" ("created_at", "id")`,
      `CREATE INDEX "ix_clients_access_ends_at" ON "clients" ("access_ends_at", "id")`,
      `CREATE INDEX "ix_clients_company" ON "clients" ("company")`,
      // The window as it was, for the auditor's question "who could open what at that instant".
      `CREATE TABLE "client_access_changes" (
        "id" ${id} NOT NULL,
        "client_id" ${id} NOT NULL,
        "at" ${instant} NOT NULL,
        "access_starts_at" ${instant} NOT NULL,
        "access_ends_at" ${instant} NOT NULL,
        "revoked_at" ${instant},
        CONSTRAINT "pk_client_access_changes" PRIMARY KEY ("id"),
        CONSTRAINT "fk_client_access_changes_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "ix_client_access_changes_client_id_at" ON "client_access_changes" ("client_id", "at", "id")`,
      // One row an account: what it signs in with, and what makes an e-mail unique over users and clients.
      `CREATE TABLE "credentials" (
        ${text('credentials', 'email_key', 320)},
        "user_id" ${id},
        "client_id" ${id},
        ${text('credentials', 'password_hash', 255, 'NULL')},
        "password_changed_at" ${instant},
        CONSTRAINT "pk_credentials" PRIMARY KEY ("email_key"),
        CONSTRAINT "uq_credentials_user_id" UNIQUE ("user_id"),
        CONSTRAINT "uq_credentials_client_id" UNIQUE ("client_id"),
        CONSTRAINT "ck_credentials_one_account" CHECK (("user_id" IS NULL) <> ("client_id" IS NULL)),
        CONSTRAINT "fk_credentials_user_id" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
        CONSTRAINT "fk_credentials_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
      )`,
      `CREATE TABLE "sessions" (
        "id" ${id} NOT NULL,
        "user_id" ${id},
        "client_id" ${id},
        ${text('sessions', 'ip', 45, 'NULL')},
        ${text('sessions', 'user_agent', 400, 'NULL')},
        "created_at" ${instant} NOT NULL,
        "last_used_at" ${instant} NOT NULL,
        "expires_at" ${instant} NOT NULL,
        "absolute_expires_at" ${instant} NOT NULL,
        "ended_at" ${instant},
        ${text('sessions', 'end_reason', 30, 'NULL')},
        CONSTRAINT "pk_sessions" PRIMARY KEY ("id"),
        CONSTRAINT "ck_sessions_one_account" CHECK (("user_id" IS NULL) <> ("client_id" IS NULL)),
        CONSTRAINT "ck_sessions_window" CHECK ("expires_at" <= "absolute_expires_at"),
        CONSTRAINT "ck_sessions_end_reason_known" CHECK ("end_reason" IN ('signed-out','ended-by-owner','refresh-reused','password-changed','access-revoked','account-removed','second-factor-changed')),
        CONSTRAINT "ck_sessions_end_reason_given" CHECK (("ended_at" IS NULL) = ("end_reason" IS NULL)),
        CONSTRAINT "fk_sessions_user_id" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
        CONSTRAINT "fk_sessions_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "ix_sessions_user_id" ON "sessions" ("user_id") WHERE "ended_at" IS NULL`,
      `CREATE INDEX "ix_sessions_client_id" ON "sessions" ("client_id") WHERE "ended_at" IS NULL`,
      `CREATE TABLE "refresh_tokens" (
        ${text('refresh_tokens', 'token_hash', 64)},
        "session_id" ${id} NOT NULL,
        "issued_at" ${instant} NOT NULL,
        "expires_at" ${instant} NOT NULL,
        "used_at" ${instant},
        CONSTRAINT "pk_refresh_tokens" PRIMARY KEY ("token_hash"),
        CONSTRAINT "fk_refresh_tokens_session_id" FOREIGN KEY ("session_id") REFERENCES "sessions" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "ix_refresh_tokens_session_id" ON "refresh_tokens" ("session_id")`,
      `CREATE TABLE "account_tokens" (
        ${text('account_tokens', 'token_hash', 64)},
        ${text('account_tokens', 'purpose', 20)},
        "user_id" ${id},
        "client_id" ${id},
        "created_at" ${instant} NOT NULL,
        "expires_at" ${instant} NOT NULL,
        CONSTRAINT "pk_account_tokens" PRIMARY KEY ("token_hash"),
        CONSTRAINT "ck_account_tokens_purpose_known" CHECK ("purpose" IN ('invitation','password-reset')),
        CONSTRAINT "ck_account_tokens_one_account" CHECK (("user_id" IS NULL) <> ("client_id" IS NULL)),
        CONSTRAINT "ck_account_tokens_window" CHECK ("created_at" < "expires_at"),
        CONSTRAINT "fk_account_tokens_user_id" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
        CONSTRAINT "fk_account_tokens_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "ix_account_tokens_user_id" ON "account_tokens" ("user_id", "purpose")`,
      `CREATE INDEX "ix_account_tokens_client_id" ON "account_tokens" ("client_id", "purpose")`,
      // Keyed by a hash of the e-mail, whether or not the account exists: what was typed is not kept.
      `CREATE TABLE "sign_in_failures" (
        ${text('sign_in_failures', 'email_hash', 64)},
        "failures" integer NOT NULL,
        "locked_until" ${instant},
        "updated_at" ${instant} NOT NULL,
        CONSTRAINT "pk_sign_in_failures" PRIMARY KEY ("email_hash"),
        CONSTRAINT "ck_sign_in_failures_count" CHECK ("failures" >= 0)
      )`,
      `CREATE INDEX "ix_sign_in_failures_updated_at" ON "sign_in_failures" ("updated_at")`,
      // The first answer to a keyed POST; account_id is a user, a client or a key.
      `CREATE TABLE "idempotency_keys" (
        "account_id" ${id} NOT NULL,
        ${text('idempotency_keys', 'key', 255)},
        ${text('idempotency_keys', 'request_hash', 64)},
        "answer" text,
        "created_at" ${instant} NOT NULL,
        CONSTRAINT "pk_idempotency_keys" PRIMARY KEY ("account_id", "key")
      )`,
      `CREATE INDEX "ix_idempotency_keys_created_at" ON "idempotency_keys" ("created_at")`,
    );
    await touchTrigger('users');
    await touchTrigger('clients');
  }

  async down(runner: QueryRunner): Promise<void> {
    const { run } = ddl(runner);
    await run(
      `DROP TABLE "idempotency_keys"`,
      `DROP TABLE "sign_in_failures"`,
      `DROP TABLE "account_tokens"`,
      `DROP TABLE "refresh_tokens"`,
      `DROP TABLE "sessions"`,
      `DROP TABLE "credentials"`,
      `DROP TABLE "client_access_changes"`,
      `DROP TABLE "clients"`,
      `DROP TABLE "users"`,
      { postgres: `DROP FUNCTION touch_updated_at()` },
    );
  }
}
