import { ApiProperty } from '@nestjs/swagger';
import type { Principal } from '../auth/access.js';
import {
  Flag,
  Id,
  IdList,
  Instant,
  Int,
  LongText,
  Nested,
  NestedList,
  OneOf,
  Text,
} from '../common/fields.js';
import { ListQuery } from '../common/pagination.js';
import {
  deciderKinds,
  type DeciderKind,
  requestKinds,
  type RequestKind,
  requestStatuses,
  type RequestStatus,
} from './request.entity.js';

/** The most demos that one request asks for, and a basket holds. */
export const MAX_DEMOS = 100;

const MESSAGE = { max: 2000, nullable: true, example: 'We would like to show it to our board.' };
const NOTE = { max: 2000, example: 'Until the end of the evaluation.' };

/** More time, or more demos. */
export class NewRequestInput {
  @OneOf(requestKinds) kind!: RequestKind;
  @Int({
    min: 1,
    max: 36_500,
    optional: true,
    description: 'Of a renewal, required: `renewal.maxDays` at most.',
    example: 30,
  })
  days?: number;
  @IdList({ min: 1, max: MAX_DEMOS, optional: true, description: 'Of an access request, required.' })
  demoIds?: string[];
  @LongText({ ...MESSAGE, optional: true, description: 'For who decides.' }) message?: string | null;
}

export class SubmitInput {
  @LongText({ ...MESSAGE, optional: true, description: 'For who decides.' }) message?: string | null;
}

/** What is decided about one demo. */
export class DecidedItemInput {
  @Id() demoId!: string;
  @Flag() approved!: boolean;
}

export class ApproveInput {
  @Int({
    min: 1,
    max: 36_500,
    optional: true,
    description: 'Of a renewal: the days that are given, those asked for unless told.',
    example: 30,
  })
  days?: number;
  @NestedList(() => DecidedItemInput, {
    max: MAX_DEMOS,
    optional: true,
    description: 'Of an access request: without it all are approved, with it those not named are refused.',
  })
  items?: DecidedItemInput[];
  @LongText({ ...NOTE, optional: true, nullable: true, description: 'For the client.' }) note?: string | null;
}

export class RejectInput {
  @LongText({ ...NOTE, required: true, description: 'Why; for the client.' }) note!: string;
}

export class RequestQuery extends ListQuery {
  @OneOf(requestStatuses, { optional: true }) status?: RequestStatus;
  @OneOf(requestKinds, { optional: true }) kind?: RequestKind;
  @Id({ optional: true, description: 'Requests of this client.' }) clientId?: string;
}

/** One demo that is asked for. */
export class RequestItemDto {
  @Id() demoId!: string;
  @ApiProperty({ example: 'sales-dashboard' }) slug!: string;
  @ApiProperty({ example: 'Sales dashboard' }) title!: string;
  @OneOf(['draft', 'published', 'retired'], { description: 'A retired demo cannot be approved.' })
  demoStatus!: string;
  @Flag({ nullable: true, description: 'Null until it is decided.' }) approved!: boolean | null;
}

/** Who decided: a user, the client (cancelled), an API key, or the product itself. */
export class DeciderDto {
  @OneOf(deciderKinds) kind!: DeciderKind;
  @Id({ nullable: true, description: 'Of users and keys: for users and keys only.' }) id!: string | null;
  @Text({ max: 200, nullable: true, description: 'The name, where the id is shown.', example: 'Rita Lopes' })
  name!: string | null;
}

/** What a client has asked for, and what came of it. */
export class RequestDto {
  @Id() id!: string;
  @Id() clientId!: string;
  @Text({ max: 200, example: 'Ana Sousa' }) clientName!: string;
  @OneOf(requestKinds) kind!: RequestKind;
  @OneOf(requestStatuses) status!: RequestStatus;
  @Int({
    min: 1,
    nullable: true,
    description: 'Of a renewal: asked for, and once approved those given.',
    example: 30,
  })
  days!: number | null;
  @NestedList(() => RequestItemDto, { description: 'Of an access request; else empty.' })
  items!: RequestItemDto[];
  @LongText(MESSAGE) message!: string | null;
  @LongText({ ...NOTE, nullable: true }) note!: string | null;
  @Nested(() => DeciderDto, { nullable: true, description: 'Null while it is pending.' })
  decidedBy!: DeciderDto | null;
  @Instant({ nullable: true }) decidedAt!: Date | null;
  @Int({ min: 1, example: 1 }) version!: number;
  @Instant() createdAt!: Date;
  @Instant() updatedAt!: Date;
}

/** A request as it is read. */
export interface RequestRow extends Omit<RequestDto, 'decidedBy'> {
  decidedByKind: DeciderKind | null;
  decidedById: string | null;
  decidedByName: string | null;
}

/** Returns a request's answer as the reader may see it: a client is not told which person decided. */
export function toRequestDto(row: RequestRow, reader: Principal['kind']): RequestDto {
  const { decidedByKind: kind, decidedById, decidedByName, ...shown } = row;
  const named = reader !== 'client' || kind === 'client';
  const decidedBy = kind && {
    kind,
    id: named ? decidedById : null,
    name: named ? decidedByName : null,
  };
  return { ...shown, decidedBy };
}
