import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/** The basket: an access request that is not submitted yet. */
export class Basket1763769600007 implements MigrationInterface {
  readonly name = 'Basket1763769600007';

  async up(runner: QueryRunner): Promise<void> {
    const { id, instant, run } = ddl(runner);
    await run(
      `CREATE TABLE "basket_items" (
        "client_id" ${id} NOT NULL,
        "demo_id" ${id} NOT NULL,
        "added_at" ${instant} NOT NULL,
        CONSTRAINT "pk_basket_items" PRIMARY KEY ("client_id", "demo_id"),
        CONSTRAINT "fk_basket_items_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE,
        CONSTRAINT "fk_basket_items_demo_id" FOREIGN KEY ("demo_id") REFERENCES "demos" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "ix_basket_items_demo_id" ON "basket_items" ("demo_id")`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(`DROP TABLE "basket_items"`);
  }
}
