import { Check, Entity, ForeignKey, Index, Unique } from 'typeorm';
import { InstantColumn, IntColumn, RefColumn, TextColumn } from '../database/columns.js';

/**
 * What an account signs in with. Keyed by the normalised address, which makes an e-mail unique over users and clients.
 * Without a password the account waits for its invitation to be accepted.
 */
@Entity('credentials')
@Unique('uq_credentials_user_id', ['userId'])
@Unique('uq_credentials_client_id', ['clientId'])
@Check('ck_credentials_one_account', '("user_id" IS NULL) <> ("client_id" IS NULL)')
export class Credentials {
  @TextColumn({ length: 320, primary: true }) emailKey!: string;
  @ForeignKey('User', { onDelete: 'CASCADE' })
  @RefColumn({ nullable: true })
  userId!: string | null;
  @ForeignKey('Client', { onDelete: 'CASCADE' })
  @RefColumn({ nullable: true })
  clientId!: string | null;
  @TextColumn({ length: 255, nullable: true }) passwordHash!: string | null;
  @InstantColumn({ nullable: true }) passwordChangedAt!: Date | null;
}

/** A single-use link: an invitation or a password reset. Kept by its SHA-256 until used, replaced or expired. */
@Entity('account_tokens')
@Index('ix_account_tokens_user_id', ['userId', 'purpose'])
@Index('ix_account_tokens_client_id', ['clientId', 'purpose'])
@Check('ck_account_tokens_purpose_known', `"purpose" IN ('invitation','password-reset')`)
@Check('ck_account_tokens_one_account', '("user_id" IS NULL) <> ("client_id" IS NULL)')
@Check('ck_account_tokens_window', '"created_at" < "expires_at"')
export class AccountToken {
  @TextColumn({ length: 64, primary: true }) tokenHash!: string;
  @TextColumn({ length: 20 }) purpose!: 'invitation' | 'password-reset';
  @ForeignKey('User', { onDelete: 'CASCADE' })
  @RefColumn({ nullable: true })
  userId!: string | null;
  @ForeignKey('Client', { onDelete: 'CASCADE' })
  @RefColumn({ nullable: true })
  clientId!: string | null;
  @InstantColumn() createdAt!: Date;
  @InstantColumn() expiresAt!: Date;
}

/**
 * Failed sign-ins of one e-mail, whether or not the account exists; shared by all replicas. Requests for password resets
 * are counted here too, under a hash of their own.
 */
@Entity('sign_in_failures')
@Index('ix_sign_in_failures_updated_at', ['updatedAt'])
@Check('ck_sign_in_failures_count', '"failures" >= 0')
export class SignInFailures {
  @TextColumn({ length: 64, primary: true }) emailHash!: string;
  @IntColumn() failures!: number;
  @InstantColumn({ nullable: true }) lockedUntil!: Date | null;
  @InstantColumn() updatedAt!: Date;
}
