import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/** How each backup went, also one that failed: what the metrics of its age, size and result read. */
export class BackupRuns1763856000011 implements MigrationInterface {
  readonly name = 'BackupRuns1763856000011';

  async up(runner: QueryRunner): Promise<void> {
    const { id, instant, text, run } = ddl(runner);
    await run(
      `CREATE TABLE "backup_runs" (
        "id" ${id} NOT NULL,
        ${text('backup_runs', 'kind', 10)},
        "started_at" ${instant} NOT NULL,
        "finished_at" ${instant} NOT NULL,
        ${text('backup_runs', 'result', 10)},
        "size_bytes" bigint,
        ${text('backup_runs', 'file_name', 255, 'NULL')},
        ${text('backup_runs', 'detail', 1000, 'NULL')},
        CONSTRAINT "pk_backup_runs" PRIMARY KEY ("id"),
        CONSTRAINT "ck_backup_runs_kind_known" CHECK ("kind" IN ('sqlite','pg_dump','portable')),
        CONSTRAINT "ck_backup_runs_result_known" CHECK ("result" IN ('ok','failed')),
        CONSTRAINT "ck_backup_runs_size" CHECK ("size_bytes" >= 0)
      )`,
      `CREATE INDEX "ix_backup_runs_result_finished_at" ON "backup_runs" ("result", "finished_at")`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(`DROP TABLE "backup_runs"`);
  }
}
