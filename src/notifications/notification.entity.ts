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
import type { NotificationKind } from './notification-params.js';

export const notificationKinds = [
  'request-received',
  'request-decided',
  'access-ending',
  'access-ended',
  'password-changed',
] as const satisfies NotificationKind[];

/** A line in an account's inbox; its text is made in the account's language when it is read. */
@Entity('notifications')
@Unique('uq_notifications_dedupe_key', ['dedupeKey'])
@Index('ix_notifications_user_id', ['userId', 'createdAt', 'id'])
@Index('ix_notifications_client_id', ['clientId', 'createdAt', 'id'])
@Check('ck_notifications_kind_known', `"kind" IN (${notificationKinds.map((kind) => `'${kind}'`).join(',')})`)
@Check('ck_notifications_one_account', '("user_id" IS NULL) <> ("client_id" IS NULL)')
export class Notification {
  @IdColumn() id!: string;
  @ForeignKey('User', { onDelete: 'CASCADE' })
  @RefColumn({ nullable: true })
  userId!: string | null;
  @ForeignKey('Client', { onDelete: 'CASCADE' })
  @RefColumn({ nullable: true })
  clientId!: string | null;
  @TextColumn({ length: 40 }) kind!: NotificationKind;
  @JsonColumn() params!: Record<string, unknown>;
  /** Of what must be told once, however often a job runs. */
  @TextColumn({ length: 200, nullable: true }) dedupeKey!: string | null;
  @InstantColumn() createdAt!: Date;
  @InstantColumn({ nullable: true }) readAt!: Date | null;
}

/** A mail to be sent, written with the change it tells of. */
@Entity('mail_outbox')
@Index('ix_mail_outbox_next_attempt_at', ['nextAttemptAt'], { where: '"next_attempt_at" IS NOT NULL' })
@Index('ix_mail_outbox_user_id', ['userId'])
@Index('ix_mail_outbox_client_id', ['clientId'])
@Check('ck_mail_outbox_one_account', '("user_id" IS NULL) <> ("client_id" IS NULL)')
@Check('ck_mail_outbox_attempts', '"attempts" >= 0')
export class OutgoingMail {
  @IdColumn() id!: string;
  @ForeignKey('User', { onDelete: 'CASCADE' })
  @RefColumn({ nullable: true })
  userId!: string | null;
  @ForeignKey('Client', { onDelete: 'CASCADE' })
  @RefColumn({ nullable: true })
  clientId!: string | null;
  @TextColumn({ length: 40 }) template!: string;
  /** JSON encrypted by DATA_KEY; emptied when the mail is sent. */
  @LongTextColumn({ nullable: true }) content!: string | null;
  @InstantColumn() createdAt!: Date;
  @IntColumn() attempts!: number;
  /** Null once it is sent or given up. */
  @InstantColumn({ nullable: true }) nextAttemptAt!: Date | null;
  @InstantColumn({ nullable: true }) sentAt!: Date | null;
  @InstantColumn({ nullable: true }) failedAt!: Date | null;
  @TextColumn({ length: 500, nullable: true }) lastError!: string | null;
}
