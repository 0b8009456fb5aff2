import { Check, Entity, ForeignKey, Index } from 'typeorm';
import type { Language } from '../auth/accounts.js';
import { IdColumn, InstantColumn, IntColumn, RefColumn, TextColumn } from '../database/columns.js';

/** An outsider's account with one access window `[accessStartsAt, accessEndsAt)`. Erasing empties the row. */
@Entity('clients')
@Index('ix_clients_created_at', ['createdAt', 'id'])
@Index('ix_clients_access_ends_at', ['accessEndsAt', 'id'])
@Index('ix_clients_company', ['company'])
@Check('ck_clients_language_known', `"language" IN ('en','pt')`)
@Check('ck_clients_window', '"access_starts_at" < "access_ends_at"')
@Check('ck_clients_email_kept', '"email" IS NOT NULL OR "erased_at" IS NOT NULL')
export class Client {
  @IdColumn() id!: string;
  @TextColumn({ length: 200 }) name!: string;
  @TextColumn({ length: 320, nullable: true }) email!: string | null;
  @TextColumn({ length: 200, nullable: true }) company!: string | null;
  @TextColumn({ length: 4000, nullable: true }) notes!: string | null;
  @TextColumn({ length: 2 }) language!: Language;
  /** Name, e-mail and company folded for search: SQLite folds ASCII only. */
  @TextColumn({ length: 1000 }) searchText!: string;
  @InstantColumn() accessStartsAt!: Date;
  @InstantColumn() accessEndsAt!: Date;
  @InstantColumn({ nullable: true }) revokedAt!: Date | null;
  @TextColumn({ length: 1000, nullable: true }) revokeReason!: string | null;
  @IntColumn() version!: number;
  @InstantColumn() createdAt!: Date;
  @InstantColumn() updatedAt!: Date;
  @InstantColumn({ nullable: true }) erasedAt!: Date | null;
}

/** The window as it stood from `at` on: what answers "who could open what, when". */
@Entity('client_access_changes')
@Index('ix_client_access_changes_client_id_at', ['clientId', 'at', 'id'])
export class ClientAccessChange {
  @IdColumn() id!: string;
  @ForeignKey('Client', { onDelete: 'CASCADE' })
  @RefColumn()
  clientId!: string;
  @InstantColumn() at!: Date;
  @InstantColumn() accessStartsAt!: Date;
  @InstantColumn() accessEndsAt!: Date;
  @InstantColumn({ nullable: true }) revokedAt!: Date | null;
}
