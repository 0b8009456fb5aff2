import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/** Images, demos, and who may open which demo. */
export class Catalog1763683200002 implements MigrationInterface {
  readonly name = 'Catalog1763683200002';

  async up(runner: QueryRunner): Promise<void> {
    const { id, instant, text, run, touchTrigger } = ddl(runner);
    await run(
      `CREATE TABLE "docker_images" (
        "id" ${id} NOT NULL,
        ${text('docker_images', 'reference', 500)},
        ${text('docker_images', 'registry', 255)},
        ${text('docker_images', 'repository', 255)},
        ${text('docker_images', 'tag', 128)},
        ${text('docker_images', 'digest', 71, 'NULL')},
        ${text('docker_images', 'description', 1000, 'NULL')},
        "size_bytes" bigint,
        "platforms" json,
        "resolved_at" ${instant},
        "version" integer NOT NULL,
        "created_at" ${instant} NOT NULL,
        "updated_at" ${instant} NOT NULL,
        CONSTRAINT "pk_docker_images" PRIMARY KEY ("id"),
        CONSTRAINT "uq_docker_images_reference" UNIQUE ("reference"),
        CONSTRAINT "ck_docker_images_size" CHECK ("size_bytes" >= 0)
      )`,
      `CREATE INDEX "ix_docker_images_created_at" ON "docker_images" ("created_at", "id")`,
      `CREATE TABLE "demos" (
        "id" ${id} NOT NULL,
        ${text('demos', 'slug', 220)},
        ${text('demos', 'title', 200)},
        ${text('demos', 'summary', 500)},
        "description" text CONSTRAINT "ck_demos_description" CHECK (length("description") <= 20000),
        ${text('demos', 'category', 100)},
        "tags" json NOT NULL,
        ${text('demos', 'docs_url', 2000, 'NULL')},
        ${text('demos', 'thumbnail_url', 2000, 'NULL')},
        ${text('demos', 'status', 10)},
        ${text('demos', 'launch_kind', 10)},
        ${text('demos', 'launch_url', 2000, 'NULL')},
        "launch_image_id" ${id},
        "launch_container" json,
        "search_text" text NOT NULL CONSTRAINT "ck_demos_search_text" CHECK (length("search_text") <= 8000),
        "version" integer NOT NULL,
        "created_at" ${instant} NOT NULL,
        "updated_at" ${instant} NOT NULL,
        "published_at" ${instant},
        "retired_at" ${instant},
        CONSTRAINT "pk_demos" PRIMARY KEY ("id"),
        CONSTRAINT "uq_demos_slug" UNIQUE ("slug"),
        CONSTRAINT "ck_demos_status_known" CHECK ("status" IN ('draft','published','retired')),
        CONSTRAINT "ck_demos_launch_known" CHECK (("launch_kind" = 'link' AND "launch_url" IS NOT NULL AND "launch_image_id" IS NULL) OR ("launch_kind" = 'container' AND "launch_url" IS NULL AND "launch_image_id" IS NOT NULL)),
        CONSTRAINT "ck_demos_retired" CHECK (("status" = 'retired') = ("retired_at" IS NOT NULL)),
        CONSTRAINT "fk_demos_launch_image_id" FOREIGN KEY ("launch_image_id") REFERENCES "docker_images" ("id")
      )`,
      `CREATE INDEX "ix_demos_created_at" ON "demos" ("created_at", "id")`,
      `CREATE INDEX "ix_demos_status_created_at" ON "demos" ("status", "created_at", "id")`,
      `CREATE INDEX "ix_demos_category" ON "demos" ("category", "status", "created_at", "id")`,
      `CREATE INDEX "ix_demos_launch_image_id" ON "demos" ("launch_image_id")`,
      `CREATE TABLE "demo_status_changes" (
        "id" ${id} NOT NULL,
        "demo_id" ${id} NOT NULL,
        "at" ${instant} NOT NULL,
        ${text('demo_status_changes', 'status', 10)},
        CONSTRAINT "pk_demo_status_changes" PRIMARY KEY ("id"),
        CONSTRAINT "ck_demo_status_changes_status_known" CHECK ("status" IN ('draft','published','retired')),
        CONSTRAINT "fk_demo_status_changes_demo_id" FOREIGN KEY ("demo_id") REFERENCES "demos" ("id") ON DELETE CASCADE
      )`,
      `CREATE INDEX "ix_demo_status_changes_demo_id_at" ON "demo_status_changes" ("demo_id", "at", "id")`,
      // A changed or removed grant keeps its row with removed_at: the grants' history.
      `CREATE TABLE "client_demo_access" (
        "id" ${id} NOT NULL,
        "client_id" ${id} NOT NULL,
        "demo_id" ${id} NOT NULL,
        "starts_at" ${instant},
        "ends_at" ${instant},
        ${text('client_demo_access', 'granted_by_kind', 10)},
        "granted_by_id" ${id},
        "granted_at" ${instant} NOT NULL,
        "removed_at" ${instant},
        CONSTRAINT "pk_client_demo_access" PRIMARY KEY ("id"),
        CONSTRAINT "ck_client_demo_access_granted_by_known" CHECK ("granted_by_kind" IN ('user','key','system')),
        CONSTRAINT "ck_client_demo_access_window" CHECK ("starts_at" < "ends_at"),
        CONSTRAINT "fk_client_demo_access_client_id" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE,
        CONSTRAINT "fk_client_demo_access_demo_id" FOREIGN KEY ("demo_id") REFERENCES "demos" ("id") ON DELETE CASCADE
      )`,
      `CREATE UNIQUE INDEX "uq_client_demo_access_current" ON "client_demo_access" ("client_id", "demo_id") WHERE "removed_at" IS NULL`,
      `CREATE INDEX "ix_client_demo_access_demo_id" ON "client_demo_access" ("demo_id") WHERE "removed_at" IS NULL`,
      `CREATE INDEX "ix_client_demo_access_client_id_granted_at" ON "client_demo_access" ("client_id", "granted_at")`,
    );
    await touchTrigger('docker_images');
    await touchTrigger('demos');
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(
      `DROP TABLE "client_demo_access"`,
      `DROP TABLE "demo_status_changes"`,
      `DROP TABLE "demos"`,
      `DROP TABLE "docker_images"`,
    );
  }
}
