import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ddl } from './dialect.js';

/** The digest that an image's tag points at now, where it moved away from the one that is kept. */
export class MovedTags1763769600010 implements MigrationInterface {
  readonly name = 'MovedTags1763769600010';

  async up(runner: QueryRunner): Promise<void> {
    const { text, run } = ddl(runner);
    await run(`ALTER TABLE "docker_images" ADD COLUMN ${text('docker_images', 'moved_digest', 71, 'NULL')}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await ddl(runner).run(`ALTER TABLE "docker_images" DROP COLUMN "moved_digest"`);
  }
}
