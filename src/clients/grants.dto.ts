import { ApiProperty } from '@nestjs/swagger';
import { type ClientStatus, clientStatuses } from '../auth/accounts.js';
import { Flag, Id, Instant, Nested, NestedList, OneOf, Text } from '../common/fields.js';
import type { GrantRow } from './clients.queries.js';

export const granterKinds = ['user', 'key', 'system'] as const;
export type GranterKind = (typeof granterKinds)[number];

/** A grant's window; without it the demo is open as long as the client's access. */
export class GrantInput {
  @Instant({ optional: true, nullable: true, description: "Within the client's access.", example: null })
  startsAt?: Date | null;
  @Instant({ optional: true, nullable: true, description: "Within the client's access.", example: null })
  endsAt?: Date | null;
}

/** Who granted: a user, an API key, or the product itself. */
export class GranterDto {
  @OneOf(granterKinds) kind!: GranterKind;
  @Id({ nullable: true }) id!: string | null;
  @Text({ max: 200, nullable: true, description: "The user's name.", example: 'Rita Lopes' }) name!:
    string | null;
}

/** This client may open this demo. */
export class GrantDto {
  @Id() demoId!: string;
  @ApiProperty({ example: 'sales-dashboard' }) slug!: string;
  @ApiProperty({ example: 'Sales dashboard' }) title!: string;
  @OneOf(['draft', 'published', 'retired'], { description: 'Only a published demo can be opened.' })
  demoStatus!: string;
  @Instant({ nullable: true, description: "Null: from the start of the client's access." })
  startsAt!: Date | null;
  @Instant({ nullable: true, description: "Null: to the end of the client's access." }) endsAt!: Date | null;
  @Nested(() => GranterDto) grantedBy!: GranterDto;
  @Instant() grantedAt!: Date;
}

export class AccessQuery {
  @Instant({ optional: true, description: 'Now, unless given.' }) at?: Date;
}

/** Whether a demo could be opened, and who allowed it. */
export class AccessDemoDto {
  @Id() demoId!: string;
  @Flag({ description: 'Client active, demo published and the grant holding, all at that instant.' })
  open!: boolean;
  @Nested(() => GranterDto) grantedBy!: GranterDto;
  @Instant() grantedAt!: Date;
  @Instant({ nullable: true }) startsAt!: Date | null;
  @Instant({ nullable: true }) endsAt!: Date | null;
}

/** What a client could open at an instant. */
export class AccessAtDto {
  @Instant() at!: Date;
  @OneOf(clientStatuses, { description: 'Before the client existed: `scheduled`.' }) status!: ClientStatus;
  @NestedList(() => AccessDemoDto, { description: 'The demos that were granted then.' })
  demos!: AccessDemoDto[];
}

/** Returns a grant's answer. */
export function toGrantDto(row: GrantRow): GrantDto {
  const { demoId, slug, title, demoStatus, startsAt, endsAt, grantedAt } = row;
  return { demoId, slug, title, demoStatus, startsAt, endsAt, grantedBy: toGranterDto(row), grantedAt };
}

/** Returns who made a grant. */
export function toGranterDto(
  row: Pick<GrantRow, 'grantedByKind' | 'grantedById' | 'grantedByName'>,
): GranterDto {
  return { kind: row.grantedByKind, id: row.grantedById, name: row.grantedByName };
}
