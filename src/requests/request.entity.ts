import { Check, Entity, ForeignKey, Index } from 'typeorm';
import {
  FlagColumn,
  IdColumn,
  InstantColumn,
  IntColumn,
  RefColumn,
  TextColumn,
} from '../database/columns.js';

export const requestKinds = ['renewal', 'access'] as const;
export type RequestKind = (typeof requestKinds)[number];

export const requestStatuses = ['pending', 'approved', 'rejected', 'cancelled'] as const;
export type RequestStatus = (typeof requestStatuses)[number];

export const deciderKinds = ['user', 'client', 'key', 'system'] as const;
export type DeciderKind = (typeof deciderKinds)[number];

/** What a client asks for: more time, or one or more demos. At most one of a kind is pending. */
@Entity('requests')
@Index('uq_requests_pending', ['clientId', 'kind'], { unique: true, where: `"status" = 'pending'` })
@Index('ix_requests_status_created_at', ['status', 'createdAt', 'id'])
@Index('ix_requests_client_id_created_at', ['clientId', 'createdAt', 'id'])
@Check('ck_requests_kind_known', `"kind" IN ('renewal','access')`)
@Check('ck_requests_status_known', `"status" IN ('pending','approved','rejected','cancelled')`)
@Check('ck_requests_days', '"days" >= 1')
@Check('ck_requests_days_given', `("kind" = 'renewal') = ("days" IS NOT NULL)`)
@Check('ck_requests_decided', `("status" = 'pending') = ("decided_at" IS NULL)`)
@Check('ck_requests_decided_by_known', `"decided_by_kind" IN ('user','client','key','system')`)
export class AccessRequest {
  @IdColumn() id!: string;
  @ForeignKey('Client', { onDelete: 'CASCADE' })
  @RefColumn()
  clientId!: string;
  @TextColumn({ length: 10 }) kind!: RequestKind;
  @TextColumn({ length: 10 }) status!: RequestStatus;
  /** Of a renewal: asked for, and once approved those given. */
  @IntColumn({ nullable: true }) days!: number | null;
  @TextColumn({ length: 2000, nullable: true }) message!: string | null;
  @TextColumn({ length: 2000, nullable: true }) note!: string | null;
  @TextColumn({ length: 10, nullable: true }) decidedByKind!: DeciderKind | null;
  @RefColumn({ nullable: true }) decidedById!: string | null;
  @InstantColumn({ nullable: true }) decidedAt!: Date | null;
  @IntColumn() version!: number;
  @InstantColumn() createdAt!: Date;
  @InstantColumn() updatedAt!: Date;
}

/** One demo of an access request; `approved` is null until it is decided. */
@Entity('request_items')
@Index('ix_request_items_demo_id', ['demoId'])
export class AccessRequestItem {
  @ForeignKey('AccessRequest', { onDelete: 'CASCADE' })
  @RefColumn({ primary: true })
  requestId!: string;
  @ForeignKey('Demo')
  @RefColumn({ primary: true })
  demoId!: string;
  @FlagColumn({ nullable: true }) approved!: boolean | null;
}
