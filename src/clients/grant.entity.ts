import { Check, Entity, ForeignKey, Index } from 'typeorm';
import { IdColumn, InstantColumn, RefColumn, TextColumn } from '../database/columns.js';

/** This client may open this demo. A change ends the row and makes another: the rows are the grants' history. */
@Entity('client_demo_access')
@Index('uq_client_demo_access_current', ['clientId', 'demoId'], {
  unique: true,
  where: '"removed_at" IS NULL',
})
@Index('ix_client_demo_access_demo_id', ['demoId'], { where: '"removed_at" IS NULL' })
@Index('ix_client_demo_access_client_id_granted_at', ['clientId', 'grantedAt'])
@Check('ck_client_demo_access_granted_by_known', `"granted_by_kind" IN ('user','key','system')`)
@Check('ck_client_demo_access_window', '"starts_at" < "ends_at"')
export class Grant {
  @IdColumn() id!: string;
  @ForeignKey('Client', { onDelete: 'CASCADE' })
  @RefColumn()
  clientId!: string;
  @ForeignKey('Demo', { onDelete: 'CASCADE' })
  @RefColumn()
  demoId!: string;
  @InstantColumn({ nullable: true }) startsAt!: Date | null;
  @InstantColumn({ nullable: true }) endsAt!: Date | null;
  @TextColumn({ length: 10 }) grantedByKind!: 'user' | 'key' | 'system';
  @RefColumn({ nullable: true }) grantedById!: string | null;
  @InstantColumn() grantedAt!: Date;
  @InstantColumn({ nullable: true }) removedAt!: Date | null;
}
