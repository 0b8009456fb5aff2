import { Check, Entity, Index } from 'typeorm';
import { BigIntColumn, IdColumn, InstantColumn, TextColumn } from '../database/columns.js';

/** How a backup holds the database: as its file, as `pg_dump` writes it, or as rows that either database takes. */
export const backupKinds = ['sqlite', 'pg_dump', 'portable'] as const;
export type BackupKind = (typeof backupKinds)[number];

/** One run of `ecatalog backup create`. */
@Entity('backup_runs')
@Index('ix_backup_runs_result_finished_at', ['result', 'finishedAt'])
@Check('ck_backup_runs_kind_known', `"kind" IN ('sqlite','pg_dump','portable')`)
@Check('ck_backup_runs_result_known', `"result" IN ('ok','failed')`)
@Check('ck_backup_runs_size', '"size_bytes" >= 0')
export class BackupRun {
  @IdColumn() id!: string;
  @TextColumn({ length: 10 }) kind!: BackupKind;
  @InstantColumn() startedAt!: Date;
  @InstantColumn() finishedAt!: Date;
  @TextColumn({ length: 10 }) result!: 'ok' | 'failed';
  /** Of the file; null where none came to be. */
  @BigIntColumn({ nullable: true }) sizeBytes!: number | null;
  @TextColumn({ length: 255, nullable: true }) fileName!: string | null;
  /** Why it failed, in words. */
  @TextColumn({ length: 1000, nullable: true }) detail!: string | null;
}
