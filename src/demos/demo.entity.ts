import { Check, Entity, ForeignKey, Index, Unique } from 'typeorm';
import {
  IdColumn,
  InstantColumn,
  IntColumn,
  JsonColumn,
  LongTextColumn,
  RefColumn,
  TextColumn,
} from '../database/columns.js';

export const demoStatuses = ['draft', 'published', 'retired'] as const;
export type DemoStatus = (typeof demoStatuses)[number];

/** What a container demo is started with, beside its image. */
export interface ContainerOptions {
  port: number;
  env?: Record<string, string>;
  /** Cores, as a Kubernetes quantity (`0.5`, `500m`). */
  cpu?: string;
  /** Bytes, as a Kubernetes quantity (`512Mi`). */
  memory?: string;
  maxMinutes?: number;
  idleMinutes?: number;
}

/** A catalog entry. A retired demo keeps its row and its history. */
@Entity('demos')
@Unique('uq_demos_slug', ['slug'])
@Index('ix_demos_created_at', ['createdAt', 'id'])
@Index('ix_demos_status_created_at', ['status', 'createdAt', 'id'])
// By category, status, created_at, id; on SQLite by search_text too, so that a search reads the index alone: only the
// migrations know the difference, and the committed fingerprints hold it.
@Index('ix_demos_category', { synchronize: false })
@Index('ix_demos_launch_image_id', ['launchImageId'])
@Check('ck_demos_status_known', `"status" IN ('draft','published','retired')`)
@Check(
  'ck_demos_launch_known',
  `("launch_kind" = 'link' AND "launch_url" IS NOT NULL AND "launch_image_id" IS NULL) OR ("launch_kind" = 'container' AND "launch_url" IS NULL AND "launch_image_id" IS NOT NULL)`,
)
@Check('ck_demos_retired', `("status" = 'retired') = ("retired_at" IS NOT NULL)`)
export class Demo {
  @IdColumn() id!: string;
  @TextColumn({ length: 220 }) slug!: string;
  @TextColumn({ length: 200 }) title!: string;
  @TextColumn({ length: 500 }) summary!: string;
  @LongTextColumn({ length: 20000, nullable: true }) description!: string | null;
  @TextColumn({ length: 100 }) category!: string;
  @JsonColumn() tags!: string[];
  @TextColumn({ length: 2000, nullable: true }) docsUrl!: string | null;
  @TextColumn({ length: 2000, nullable: true }) thumbnailUrl!: string | null;
  @TextColumn({ length: 10 }) status!: DemoStatus;
  @TextColumn({ length: 10 }) launchKind!: 'link' | 'container';
  @TextColumn({ length: 2000, nullable: true }) launchUrl!: string | null;
  @ForeignKey('Image')
  @RefColumn({ nullable: true })
  launchImageId!: string | null;
  @JsonColumn({ nullable: true }) launchContainer!: ContainerOptions | null;
  /** Title, summary, category and tags folded for search: SQLite folds ASCII only. */
  @LongTextColumn({ length: 8000 }) searchText!: string;
  @IntColumn() version!: number;
  @InstantColumn() createdAt!: Date;
  @InstantColumn() updatedAt!: Date;
  @InstantColumn({ nullable: true }) publishedAt!: Date | null;
  @InstantColumn({ nullable: true }) retiredAt!: Date | null;
}

/** The status as it stood from `at` on: what answers "could it be opened then". */
@Entity('demo_status_changes')
@Index('ix_demo_status_changes_demo_id_at', ['demoId', 'at', 'id'])
@Check('ck_demo_status_changes_status_known', `"status" IN ('draft','published','retired')`)
export class DemoStatusChange {
  @IdColumn() id!: string;
  @ForeignKey('Demo', { onDelete: 'CASCADE' })
  @RefColumn()
  demoId!: string;
  @InstantColumn() at!: Date;
  @TextColumn({ length: 10 }) status!: DemoStatus;
}
