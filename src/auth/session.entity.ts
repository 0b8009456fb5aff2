import { Check, Entity, ForeignKey, Index } from 'typeorm';
import { IdColumn, InstantColumn, RefColumn, TextColumn } from '../database/columns.js';

/** Why a session ended before its time. */
export const sessionEndReasons = [
  'signed-out',
  'ended-by-owner',
  'refresh-reused',
  'password-changed',
  'access-revoked',
  'account-removed',
  'second-factor-changed',
] as const;
export type SessionEndReason = (typeof sessionEndReasons)[number];

/** A sign-in of one user or client: the family of its refresh tokens. */
@Entity('sessions')
@Index('ix_sessions_user_id', ['userId'], { where: '"ended_at" IS NULL' })
@Index('ix_sessions_client_id', ['clientId'], { where: '"ended_at" IS NULL' })
@Check('ck_sessions_one_account', '("user_id" IS NULL) <> ("client_id" IS NULL)')
@Check('ck_sessions_window', '"expires_at" <= "absolute_expires_at"')
@Check(
  'ck_sessions_end_reason_known',
  `"end_reason" IN (${sessionEndReasons.map((reason) => `'${reason}'`).join(',')})`,
)
@Check('ck_sessions_end_reason_given', '("ended_at" IS NULL) = ("end_reason" IS NULL)')
export class Session {
  @IdColumn() id!: string;
  @ForeignKey('User', { onDelete: 'CASCADE' })
  @RefColumn({ nullable: true })
  userId!: string | null;
  @ForeignKey('Client', { onDelete: 'CASCADE' })
  @RefColumn({ nullable: true })
  clientId!: string | null;
  @TextColumn({ length: 45, nullable: true }) ip!: string | null;
  @TextColumn({ length: 400, nullable: true }) userAgent!: string | null;
  @InstantColumn() createdAt!: Date;
  @InstantColumn() lastUsedAt!: Date;
  @InstantColumn() expiresAt!: Date;
  @InstantColumn() absoluteExpiresAt!: Date;
  @InstantColumn({ nullable: true }) endedAt!: Date | null;
  @TextColumn({ length: 30, nullable: true }) endReason!: SessionEndReason | null;
}

/** One refresh token, kept by its SHA-256 so that a second use is recognised (RFC 9700, 4.14.2). */
@Entity('refresh_tokens')
@Index('ix_refresh_tokens_session_id', ['sessionId'])
export class RefreshToken {
  @TextColumn({ length: 64, primary: true }) tokenHash!: string;
  @ForeignKey('Session', { onDelete: 'CASCADE' })
  @RefColumn()
  sessionId!: string;
  @InstantColumn() issuedAt!: Date;
  @InstantColumn() expiresAt!: Date;
  @InstantColumn({ nullable: true }) usedAt!: Date | null;
}
