import {
  type ClientStatus,
  clientStatus,
  clientStatuses,
  type Language,
  languages,
} from '../auth/accounts.js';
import { InvitationDto } from '../auth/users.dto.js';
import { Email, Id, IdList, Instant, Int, LongText, Nested, OneOf, Secret, Text } from '../common/fields.js';
import { ListQuery } from '../common/pagination.js';
import type { Client } from './client.entity.js';

/** What a client is made of. */
export class NewClientInput {
  @Text({ max: 200, example: 'Ana Sousa' }) name!: string;
  @Email() email!: string;
  @Text({ max: 200, optional: true, nullable: true, example: 'Example Lda' }) company?: string | null;
  @Secret({
    optional: true,
    description: 'At least 12 characters. Without it the answer carries an invitation.',
    example: 'a-quiet-lighthouse-42',
  })
  password?: string;
  @Instant({ optional: true, description: 'Now, unless given.' }) accessStartsAt?: Date;
  @Instant({
    optional: true,
    description: 'The instant at which the access ends. Give this or `accessDays`, or neither.',
    example: '2026-12-21T12:00:00.000Z',
  })
  accessEndsAt?: Date;
  @Int({
    min: 1,
    max: 36_500,
    optional: true,
    description: 'Days from the start; the setting `access.defaultDays` unless given.',
    example: 30,
  })
  accessDays?: number;
  @IdList({ optional: true, description: 'Demos that the client may open.', example: [] }) demoIds?: string[];
  @LongText({ max: 4000, optional: true, nullable: true, description: 'For administrators only.' })
  notes?: string | null;
  @OneOf(languages, { optional: true, default: 'en', description: 'Of what the client is sent.' })
  language?: Language;
}

/** What can be edited; the window, the status and grants have calls of their own. */
export class ClientPatch {
  @Text({ max: 200, optional: true, example: 'Ana Sousa' }) name?: string;
  @Email({ optional: true }) email?: string;
  @Text({ max: 200, optional: true, nullable: true, example: 'Example Lda' }) company?: string | null;
  @LongText({ max: 4000, optional: true, nullable: true }) notes?: string | null;
  @OneOf(languages, { optional: true }) language?: Language;
}

export class RevokeInput {
  @Text({ max: 1000, example: 'The contract has ended.' }) reason!: string;
}

export class RenewInput {
  @Int({
    min: 1,
    max: 36_500,
    optional: true,
    description: 'After the later of now and the current end.',
    example: 30,
  })
  days?: number;
  @Instant({ optional: true, description: 'Later than now and than the current end. Give this or `days`.' })
  until?: Date;
}

export class ShortenInput {
  @Instant({ description: 'Between now and the current end.' }) until!: Date;
}

export class ClientQuery extends ListQuery {
  @OneOf(clientStatuses, { optional: true }) status?: ClientStatus;
  @Text({
    max: 200,
    optional: true,
    description: 'Found in name, e-mail or company, literally, in any case.',
  })
  search?: string;
  @Text({ max: 200, optional: true, description: 'Exactly this company.' }) company?: string;
  @Int({
    min: 1,
    max: 36_500,
    optional: true,
    description: 'Active clients whose access ends within so many days.',
  })
  expiringWithinDays?: number;
}

/** A client as administrators see it. */
export class ClientDto {
  @Id() id!: string;
  @Text({ max: 200, example: 'Ana Sousa' }) name!: string;
  @Email() email!: string;
  @Text({ max: 200, nullable: true, example: 'Example Lda' }) company!: string | null;
  @LongText({ max: 4000, nullable: true }) notes!: string | null;
  @OneOf(languages) language!: Language;
  @OneOf(clientStatuses, {
    description: 'Derived from the window and the revocation at the instant of the call.',
  })
  status!: ClientStatus;
  @Instant() accessStartsAt!: Date;
  @Instant({
    description: 'The first instant at which the access is over.',
    example: '2026-12-21T12:00:00.000Z',
  })
  accessEndsAt!: Date;
  @Instant({ nullable: true }) revokedAt!: Date | null;
  @Text({ max: 1000, nullable: true }) revokeReason!: string | null;
  @Int({ example: 1 }) version!: number;
  @Instant() createdAt!: Date;
  @Instant() updatedAt!: Date;
}

export class NewClientDto extends ClientDto {
  @Nested(() => InvitationDto, { optional: true, description: 'When no password was given. Shown once.' })
  invitation?: InvitationDto;
}

/** The columns of a client that an answer shows. */
export type ShownClient = Omit<Client, 'searchText' | 'erasedAt'>;

/** Returns a client's answer, with its status at `now`. */
export function toClientDto(client: ShownClient, now: Date): ClientDto {
  return {
    id: client.id,
    name: client.name,
    email: client.email ?? '',
    company: client.company,
    notes: client.notes,
    language: client.language,
    status: clientStatus(client, now),
    accessStartsAt: client.accessStartsAt,
    accessEndsAt: client.accessEndsAt,
    revokedAt: client.revokedAt,
    revokeReason: client.revokeReason,
    version: client.version,
    createdAt: client.createdAt,
    updatedAt: client.updatedAt,
  };
}
