import { Check, Entity, ForeignKey, Index } from 'typeorm';
import { IdColumn, InstantColumn, IntColumn, RefColumn, TextColumn } from '../database/columns.js';

/** Why a demo session ended (api.md, Demos and images). */
export const demoSessionEndReasons = [
  'closed',
  'not-activated',
  'idle',
  'max-age',
  'access-ended',
  'grant-removed',
  'access-revoked',
  'client-erased',
  'demo-unpublished',
  'demo-retired',
] as const;
export type DemoSessionEndReason = (typeof demoSessionEndReasons)[number];

/**
 * One opening of a demo by a client. `lapsesAt` is the instant at which it ends if nothing more happens, so that
 * an end by the clock needs no job: live means not ended and not lapsed.
 */
@Entity('demo_sessions')
@Index('uq_demo_sessions_open', ['clientId', 'demoId'], { unique: true, where: '"ended_at" IS NULL' })
@Index('ix_demo_sessions_open_demo_id', ['demoId', 'lapsesAt'], { where: '"ended_at" IS NULL' })
@Index('ix_demo_sessions_open_lapses_at', ['lapsesAt'], { where: '"ended_at" IS NULL' })
@Index('ix_demo_sessions_opened_at', ['openedAt', 'id'])
@Index('ix_demo_sessions_client_id', ['clientId', 'openedAt', 'id'])
@Index('ix_demo_sessions_demo_id', ['demoId', 'openedAt', 'id'])
@Check('ck_demo_sessions_window', '"expires_at" <= "max_ends_at" AND "lapses_at" <= "expires_at"')
@Check('ck_demo_sessions_idle', '"idle_seconds" > 0')
@Check('ck_demo_sessions_ended', '"ended_at" >= "opened_at"')
@Check(
  'ck_demo_sessions_end_reason_known',
  `"end_reason" IN (${demoSessionEndReasons.map((reason) => `'${reason}'`).join(',')})`,
)
@Check('ck_demo_sessions_end_reason_given', '("ended_at" IS NULL) = ("end_reason" IS NULL)')
export class DemoSession {
  @IdColumn() id!: string;
  @ForeignKey('Client')
  @RefColumn()
  clientId!: string;
  @ForeignKey('Demo')
  @RefColumn()
  demoId!: string;
  @InstantColumn() openedAt!: Date;
  /** The first heartbeat or verify. */
  @InstantColumn({ nullable: true }) activatedAt!: Date | null;
  @InstantColumn({ nullable: true }) lastSeenAt!: Date | null;
  @InstantColumn() activateBy!: Date;
  @IntColumn() idleSeconds!: number;
  /** The end by the session's own maximum age. */
  @InstantColumn() maxEndsAt!: Date;
  /** The earliest of maxEndsAt, the grant's end and the client's end. */
  @InstantColumn() expiresAt!: Date;
  @InstantColumn() lapsesAt!: Date;
  @InstantColumn({ nullable: true }) endedAt!: Date | null;
  @TextColumn({ length: 20, nullable: true }) endReason!: DemoSessionEndReason | null;
}
