import { Email, Flag, Id, Instant, Int, Nested, OneOf, Secret, Text } from '../common/fields.js';
import type { ClientPrincipal, UserPrincipal } from './access.js';
import {
  clientStatus,
  clientStatuses,
  type ClientStatus,
  type Language,
  languages,
  type Role,
  roles,
} from './accounts.js';
import type { AccountRow } from './auth.queries.js';
import type { Session } from './session.entity.js';

export class LoginInput {
  @Email() email!: string;
  @Secret({ example: 'a long passphrase of yours' }) password!: string;
  @Secret({
    optional: true,
    max: 40,
    description: 'A one-time or recovery code, where a second factor is set up.',
  })
  otp?: string;
}

export class RefreshInput {
  @Secret({ description: 'The refresh token of the last sign-in or refresh.' }) refreshToken!: string;
}

export class PasswordInput {
  @Secret() currentPassword!: string;
  @Secret({ description: '12 characters or more, 15 for a user without a second factor.' })
  newPassword!: string;
}

export class InvitationInput {
  @Secret({ description: 'The token of the invitation link.' }) token!: string;
  @Secret({ description: '12 characters or more, 15 for a user.' }) password!: string;
}

export class PasswordResetRequest {
  @Email() email!: string;
}

export class PasswordResetInput {
  @Secret({ description: 'The token of the reset link.' }) token!: string;
  @Secret({ description: '12 characters or more, 15 for a user without a second factor.' })
  newPassword!: string;
}

export class AccessDto {
  @OneOf(clientStatuses) status!: ClientStatus;
  @Instant() startsAt!: Date;
  @Instant() endsAt!: Date;
}

export class AccountDto {
  @Id() id!: string;
  @OneOf(['user', 'client']) kind!: 'user' | 'client';
  @OneOf(roles, { optional: true, description: 'Of a user.' }) role?: Role;
  @Text({ max: 200 }) name!: string;
  @Email() email!: string;
  @OneOf(languages) language!: Language;
  @Nested(() => AccessDto, { optional: true, description: 'Of a client.' }) access?: AccessDto;
}

export class SignedInDto {
  @Secret({ description: 'Send it as `Authorization: Bearer …`.' }) accessToken!: string;
  @Secret({ description: 'Good for one call of `/auth/refresh`.' }) refreshToken!: string;
  @OneOf(['Bearer']) tokenType!: 'Bearer';
  @Int({ description: 'Seconds that the access token lives.', example: 900 }) expiresIn!: number;
  @Nested(() => AccountDto) account!: AccountDto;
}

export class SessionDto {
  @Id() id!: string;
  @Flag({ description: 'The session of this call.' }) current!: boolean;
  @Text({ max: 45, nullable: true }) ip!: string | null;
  @Text({ max: 400, nullable: true }) userAgent!: string | null;
  @Instant() createdAt!: Date;
  @Instant() lastUsedAt!: Date;
  @Instant() expiresAt!: Date;
}

/** Returns an account as `/auth/me` shows it at an instant. */
export function toAccountDto(row: AccountRow, now: Date): AccountDto {
  const { userId, clientId, role, name, email, language, accessStartsAt, accessEndsAt, revokedAt } = row;
  if (userId !== null) return { id: userId, kind: 'user', role: role as Role, name, email, language };
  const window = { accessStartsAt: accessStartsAt as Date, accessEndsAt: accessEndsAt as Date, revokedAt };
  return {
    id: clientId as string,
    kind: 'client',
    name,
    email,
    language,
    access: {
      status: clientStatus(window, now),
      startsAt: window.accessStartsAt,
      endsAt: window.accessEndsAt,
    },
  };
}

/** Returns a session as its owner sees it. */
export function toSessionDto(session: Session, me: UserPrincipal | ClientPrincipal): SessionDto {
  const { id, ip, userAgent, createdAt, lastUsedAt, expiresAt } = session;
  return { id, current: id === me.sessionId, ip, userAgent, createdAt, lastUsedAt, expiresAt };
}
