import { Email, Id, Instant, Int, Nested, OneOf, Secret, Text, WebUrl } from '../common/fields.js';
import { ListQuery } from '../common/pagination.js';
import { type Language, languages, type Role, roles } from './accounts.js';
import type { IssuedToken } from './account-tokens.service.js';
import type { User } from './user.entity.js';

export class UserQuery extends ListQuery {
  @OneOf(roles, { optional: true }) role?: Role;
}

export class NewUserInput {
  @Text({ max: 200, example: 'Rui Costa' }) name!: string;
  @Email() email!: string;
  @OneOf(roles) role!: Role;
  @Secret({
    optional: true,
    description: '15 characters or more. Without it the answer carries an invitation.',
  })
  password?: string;
  @OneOf(languages, { optional: true, default: 'en' }) language: Language = 'en';
}

export class UserPatch {
  @Text({ max: 200, optional: true }) name?: string;
  @Email({ optional: true }) email?: string;
  @OneOf(roles, { optional: true }) role?: Role;
  @OneOf(languages, { optional: true }) language?: Language;
}

export class InvitationDto implements IssuedToken {
  @Secret({ description: 'Shown once; for `/auth/invitations/accept`.' }) token!: string;
  @Instant() expiresAt!: Date;
  @WebUrl({ optional: true, description: 'The link, where the front end is configured.' }) url?: string;
}

export class UserDto {
  @Id() id!: string;
  @Text({ max: 200 }) name!: string;
  @Email() email!: string;
  @OneOf(roles) role!: Role;
  @OneOf(languages) language!: Language;
  @Int({ min: 1 }) version!: number;
  @Instant() createdAt!: Date;
  @Instant() updatedAt!: Date;
}

export class NewUserDto extends UserDto {
  @Nested(() => InvitationDto, { optional: true }) invitation?: InvitationDto;
}

export function toUserDto(user: User): UserDto {
  const { id, name, email, role, language, version, createdAt, updatedAt } = user;
  return { id, name, email: email as string, role, language, version, createdAt, updatedAt };
}
