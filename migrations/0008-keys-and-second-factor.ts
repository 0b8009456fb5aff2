import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/** API keys of other services, and the second factor of users. */
export class KeysAndSecondFactor1763769600008 implements MigrationInterface {
  readonly name = 'KeysAndSecondFactor1763769600008';

  async up(runner: QueryRunner): Promise<void> {
    const { id, instant, text, run } = ddl(runner);
    await run(
      `CREATE TABLE "api_keys" (
        "id" ${id} NOT NULL,
        ${text('api_keys', 'name', 200)},
        ${text('api_keys', 'key_hash', 64)},
        "scopes" json NOT NULL,
        "expires_at" ${instant} NOT NULL,
        "created_at" ${instant} NOT NULL,
        "created_by_id" ${id} NOT NULL,
        "last_used_at" ${instant},
        "removed_at" ${instant},
        CONSTRAINT "pk_api_keys" PRIMARY KEY ("id"),
        CONSTRAINT "uq_api_keys_key_hash" UNIQUE ("key_hash"),
        CONSTRAINT "ck_api_keys_window" CHECK ("created_at" < "expires_at"),
        CONSTRAINT "fk_api_keys_created_by_id" FOREIGN KEY ("created_by_id") REFERENCES "users" ("id")
      )`,
      `CREATE INDEX "ix_api_keys_created_at" ON "api_keys" ("created_at", "id")`,
      // The secret is encrypted by DATA_KEY; last_step refuses a code that was used (RFC 6238, 5.2).
      `CREATE TABLE "second_factors" (
        "user_id" ${id} NOT NULL,
        ${text('second_factors', 'secret', 400)},
        "activated_at" ${instant},
        "last_step" bigint,
        "created_at" ${instant} NOT NULL,
        CONSTRAINT "pk_second_factors" PRIMARY KEY ("user_id"),
        CONSTRAINT "fk_second_factors_user_id" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
      )`,
      `CREATE TABLE "recovery_codes" (
        ${text('recovery_codes', 'code_hash', 64)},
        "user_id" ${id} NOT NULL,
        "created_at" ${instant} NOT NULL,
        CONSTRAINT "pk_recovery_codes" PRIMARY KEY ("code_hash"),
        CONSTRAINT "fk_recovery_codes_user_id" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "ix_recovery_codes_user_id" ON "recovery_codes" ("user_id")`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(
      `DROP TABLE "recovery_codes"`,
      `DROP TABLE "second_factors"`,
      `DROP TABLE "api_keys"`,
    );
  }
}
