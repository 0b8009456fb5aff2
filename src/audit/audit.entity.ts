import { Check, Entity, Index, Unique } from 'typeorm';
import {
  BigIntColumn,
  IdColumn,
  InstantColumn,
  LongTextColumn,
  RefColumn,
  TextColumn,
} from '../database/columns.js';

export const actorKinds = ['user', 'client', 'key', 'system', 'anonymous'] as const;
export type ActorKind = (typeof actorKinds)[number];

/** Who did what to what. Append-only (a trigger refuses the rest) and chained by hash. */
@Entity('audit_log')
@Unique('uq_audit_log_seq', ['seq'])
@Index('ix_audit_log_at', ['at', 'seq'])
@Index('ix_audit_log_actor_id', ['actorId', 'seq'])
@Index('ix_audit_log_action', ['action', 'seq'])
@Index('ix_audit_log_entity', ['entityType', 'entityId', 'seq'])
@Check(
  'ck_audit_log_actor_kind_known',
  `"actor_kind" IN (${actorKinds.map((kind) => `'${kind}'`).join(',')})`,
)
export class AuditEntry {
  @IdColumn() id!: string;
  @BigIntColumn() seq!: number;
  @InstantColumn() at!: Date;
  @TextColumn({ length: 10 }) actorKind!: ActorKind;
  @RefColumn({ nullable: true }) actorId!: string | null;
  @TextColumn({ length: 60 }) action!: string;
  @TextColumn({ length: 30 }) entityType!: string;
  @TextColumn({ length: 60, nullable: true }) entityId!: string | null;
  @TextColumn({ length: 45, nullable: true }) ip!: string | null;
  @TextColumn({ length: 100, nullable: true }) requestId!: string | null;
  /** Canonical JSON (RFC 8785), as hashed. */
  @LongTextColumn({ nullable: true }) before!: string | null;
  /** Canonical JSON (RFC 8785), as hashed. */
  @LongTextColumn({ nullable: true }) after!: string | null;
  @LongTextColumn({ length: 4000, nullable: true }) reason!: string | null;
  @TextColumn({ length: 64 }) hash!: string;
}
