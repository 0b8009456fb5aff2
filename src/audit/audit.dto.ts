import { ApiProperty } from '@nestjs/swagger';
import { Flag, Id, Instant, Int, LongText, Nested, OneOf, Text } from '../common/fields.js';
import { ListQuery } from '../common/pagination.js';
import { actorKinds, type ActorKind, type AuditEntry } from './audit.entity.js';

/** Filters of the audit log; what matches nothing gives an empty list. */
export class AuditQuery extends ListQuery {
  @Id({ optional: true, description: 'Who did it: a user, a client or a key.' })
  actorId?: string;

  @Text({ max: 60, optional: true, example: 'client.revoked' })
  action?: string;

  @Text({ max: 30, optional: true, example: 'client' })
  entityType?: string;

  @Text({ max: 60, optional: true, description: 'An id, or the key of a setting.' })
  entityId?: string;

  @Instant({ optional: true, description: 'Not before this instant.' })
  from?: Date;

  @Instant({ optional: true, description: 'Before this instant.' })
  to?: Date;
}

export class AuditActorDto {
  @OneOf(actorKinds, { example: 'user' })
  kind!: ActorKind;

  @Id({ nullable: true, description: 'null for the system and for somebody who is not known.' })
  id!: string | null;
}

const fieldsDescription =
  'Personal values stand here by their key alone, the value left out. `after.also` lists what else the same call changed.';

/** One entry of the audit log. */
export class AuditEntryDto {
  @Id() id!: string;

  @Int({
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    example: 42,
    description: 'Place in the chain, from 1, without gaps.',
  })
  seq!: number;

  @Instant() at!: Date;

  @Nested(() => AuditActorDto)
  actor!: AuditActorDto;

  @Text({ max: 60, example: 'client.revoked' })
  action!: string;

  @Text({ max: 30, example: 'client' })
  entityType!: string;

  @Text({ max: 60, nullable: true })
  entityId!: string | null;

  @Text({ max: 45, nullable: true, example: '192.0.2.7' })
  ip!: string | null;

  @Text({ max: 100, nullable: true })
  requestId!: string | null;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    example: { revokedAt: null },
    description: `The changed fields as they were. ${fieldsDescription}`,
  })
  before!: Record<string, unknown> | null;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    example: { revokedAt: '2026-11-21T12:00:00.000Z' },
    description: `The changed fields as they are. ${fieldsDescription}`,
  })
  after!: Record<string, unknown> | null;

  @LongText({ max: 4000, optional: true, example: 'The contract is over.' })
  reason?: string;

  @Text({ max: 64, min: 64, description: 'SHA-256 over the hash of the entry before and this entry.' })
  hash!: string;
}

export class AuditVerifyQuery {
  @Text({
    max: 200,
    optional: true,
    description: 'A head kept elsewhere: the chain must hold it, so that a cut tail is found.',
  })
  head?: string;
}

export class BrokenEntryDto {
  @Int({ min: 0, max: Number.MAX_SAFE_INTEGER, example: 42 })
  seq!: number;

  @Id() id!: string;

  @OneOf(['altered', 'missing-before'], {
    description: '`altered`: the row is not as it was written; `missing-before`: rows before it are gone.',
  })
  fault!: 'altered' | 'missing-before';
}

/** What checking the chain found. */
export class AuditVerificationDto {
  @Flag({ example: true })
  valid!: boolean;

  @Int({ max: Number.MAX_SAFE_INTEGER, example: 1234, description: 'How many entries there are.' })
  entries!: number;

  @Text({
    max: 64,
    nullable: true,
    description: 'Hash of the last entry; keep it elsewhere. null while there is none.',
  })
  head!: string | null;

  @Nested(() => BrokenEntryDto, { optional: true, description: 'The first row that breaks the chain.' })
  firstBroken?: BrokenEntryDto;
}

/** Returns an entry as the API and the export show it. */
export function toAuditEntryDto(entry: AuditEntry): AuditEntryDto {
  const { actorKind, actorId, before, after, reason, hash, ...rest } = entry;
  return {
    ...rest,
    actor: { kind: actorKind, id: actorId },
    before: parsed(before),
    after: parsed(after),
    ...(reason !== null && { reason }),
    hash,
  };
}

function parsed(text: string | null): Record<string, unknown> | null {
  if (text === null) return null;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    // Somebody edited the row by SQL: the log must still be readable, `verify` names it.
    return { unreadable: text };
  }
}
