import { Check, Entity, Index } from 'typeorm';
import { IdColumn, InstantColumn, IntColumn, TextColumn } from '../database/columns.js';
import type { Language, Role } from './accounts.js';

/** An administrator's account. A removed user keeps the row and the name: an auditor asks who allowed what. */
@Entity('users')
@Index('ix_users_created_at', ['createdAt', 'id'])
@Check('ck_users_role_known', `"role" IN ('admin','viewer')`)
@Check('ck_users_language_known', `"language" IN ('en','pt')`)
@Check('ck_users_email_kept', `"email" IS NOT NULL OR "removed_at" IS NOT NULL`)
export class User {
  @IdColumn() id!: string;
  @TextColumn({ length: 200 }) name!: string;
  @TextColumn({ length: 320, nullable: true }) email!: string | null;
  @TextColumn({ length: 10 }) role!: Role;
  @TextColumn({ length: 2 }) language!: Language;
  @IntColumn() version!: number;
  @InstantColumn() createdAt!: Date;
  @InstantColumn() updatedAt!: Date;
  @InstantColumn({ nullable: true }) removedAt!: Date | null;
}
