import { Entity, Index } from 'typeorm';
import { InstantColumn, LongTextColumn, RefColumn, TextColumn } from '../database/columns.js';

/** The first answer to a keyed POST of an account (a user, a client or a key); kept 24 hours. */
@Entity('idempotency_keys')
@Index('ix_idempotency_keys_created_at', ['createdAt'])
export class IdempotencyKey {
  @RefColumn({ primary: true }) accountId!: string;
  @TextColumn({ length: 255, primary: true }) key!: string;
  /** MAC over method, path and body: a plain hash of a body with a password could be guessed at. */
  @TextColumn({ length: 64 }) requestHash!: string;
  /** JSON, without the secrets that are shown once. */
  @LongTextColumn({ nullable: true }) answer!: string | null;
  @InstantColumn() createdAt!: Date;
}
