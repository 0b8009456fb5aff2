import { Entity, ForeignKey, Index } from 'typeorm';
import { BigIntColumn, InstantColumn, RefColumn, TextColumn } from '../database/columns.js';

/** A user's second factor (TOTP, RFC 6238); asked for once it is activated. */
@Entity('second_factors')
export class SecondFactor {
  @ForeignKey('User', { onDelete: 'CASCADE' })
  @RefColumn({ primary: true })
  userId!: string;
  /** Encrypted by DATA_KEY. */
  @TextColumn({ length: 400 }) secret!: string;
  @InstantColumn({ nullable: true }) activatedAt!: Date | null;
  /** The time step of the last code that was taken: each is good once (RFC 6238, 5.2). */
  @BigIntColumn({ nullable: true }) lastStep!: number | null;
  @InstantColumn() createdAt!: Date;
}

/** A one-time code for when the device is lost; kept by its SHA-256 and removed when used. */
@Entity('recovery_codes')
@Index('ix_recovery_codes_user_id', ['userId'])
export class RecoveryCode {
  @TextColumn({ length: 64, primary: true }) codeHash!: string;
  @ForeignKey('User', { onDelete: 'CASCADE' })
  @RefColumn()
  userId!: string;
  @InstantColumn() createdAt!: Date;
}
