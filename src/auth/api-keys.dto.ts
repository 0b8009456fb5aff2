import { Id, Instant, Secret, Text, WordList } from '../common/fields.js';
import { type KeyScope, keyScopes } from './access.js';

export class NewApiKeyInput {
  @Text({ max: 200, example: 'Demo runner' }) name!: string;
  @WordList(keyScopes, {
    min: 1,
    description: 'What the key may do; `:write` covers its `:read`.',
    example: ['demo-sessions:verify'],
  })
  scopes!: KeyScope[];
  @Instant({ description: 'From then on the key is dead; later than now.' }) expiresAt!: Date;
}

export class ApiKeyDto {
  @Id() id!: string;
  @Text({ max: 200 }) name!: string;
  @WordList(keyScopes) scopes!: KeyScope[];
  @Instant() expiresAt!: Date;
  @Instant() createdAt!: Date;
  @Id({ description: 'The user who made it.' }) createdById!: string;
  @Text({ max: 200, description: 'Of the user who made it; a removed one is still named.' })
  createdByName!: string;
  @Instant({ nullable: true, description: 'Since when that user is removed. The key lives on.' })
  createdByRemovedAt!: Date | null;
  @Instant({ nullable: true, description: 'To the minute.' }) lastUsedAt!: Date | null;
}

export class NewApiKeyDto extends ApiKeyDto {
  @Secret({
    optional: true,
    description:
      'Shown once: send it as `Authorization: Bearer eck_…`. Absent where the answer is a repeated one.',
    example: 'eck_…',
  })
  key?: string;
}
