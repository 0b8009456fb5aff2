import { Check, Entity, ForeignKey, Index, Unique } from 'typeorm';
import { IdColumn, InstantColumn, JsonColumn, RefColumn, TextColumn } from '../database/columns.js';
import type { KeyScope } from './access.js';

/** A key by which another service calls the API; kept by its SHA-256. A removed key keeps the row: grants name it. */
@Entity('api_keys')
@Unique('uq_api_keys_key_hash', ['keyHash'])
@Index('ix_api_keys_created_at', ['createdAt', 'id'])
@Check('ck_api_keys_window', '"created_at" < "expires_at"')
export class ApiKey {
  @IdColumn() id!: string;
  @TextColumn({ length: 200 }) name!: string;
  @TextColumn({ length: 64 }) keyHash!: string;
  @JsonColumn() scopes!: KeyScope[];
  @InstantColumn() expiresAt!: Date;
  @InstantColumn() createdAt!: Date;
  @ForeignKey('User')
  @RefColumn()
  createdById!: string;
  @InstantColumn({ nullable: true }) lastUsedAt!: Date | null;
  @InstantColumn({ nullable: true }) removedAt!: Date | null;
}
