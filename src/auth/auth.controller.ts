import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiForbiddenResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  ApiTooManyRequestsResponse,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import { IdPipe } from '../common/id.pipe.js';
import { ApiItems } from '../common/pagination.js';
import { Access, type ClientPrincipal, CurrentPrincipal, Public, type UserPrincipal } from './access.js';
import {
  AccountDto,
  InvitationInput,
  LoginInput,
  PasswordInput,
  PasswordResetInput,
  RefreshInput,
  SessionDto,
  SignedInDto,
  toSessionDto,
} from './auth.dto.js';
import { AuthService } from './auth.service.js';
import { SessionsService } from './sessions.service.js';

type Me = UserPrincipal | ClientPrincipal;

/** Everybody with a session, also a restricted one. */
const SIGNED_IN = { users: 'viewer', clients: 'restricted' } as const;

/** And a user who must set up a second factor first. */
const SIGNED_IN_AT_ALL = { ...SIGNED_IN, enrolling: true } as const;

@ApiTags('auth')
@Controller('auth')
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly sessions: SessionsService,
  ) {}

  @Public()
  @Post('login')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Sign in',
    description:
      'A client whose access has ended or not yet started gets a restricted session: `account.access.status` says which.',
  })
  @ApiOkResponse({ type: SignedInDto })
  @ApiUnauthorizedResponse({ description: 'E-mail, password or code is wrong (`invalid-credentials`).' })
  @ApiForbiddenResponse({
    description: 'A code is needed as `otp` (`otp-required`), or the access was revoked (`access-revoked`).',
  })
  @ApiTooManyRequestsResponse({
    description: 'Too many failed sign-ins with this e-mail (`too-many-requests`).',
  })
  login(@Body() { email, password, otp }: LoginInput): Promise<SignedInDto> {
    return this.auth.login(email, password, otp);
  }

  @Public()
  @Post('refresh')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Exchange the refresh token for new tokens',
    description: 'Each refresh token is good for one call. A second one ends the session and all its tokens.',
  })
  @ApiOkResponse({ type: SignedInDto })
  @ApiUnauthorizedResponse({
    description: 'The token is used, expired or strange, or the session has ended.',
  })
  refresh(@Body() { refreshToken }: RefreshInput): Promise<SignedInDto> {
    return this.auth.refresh(refreshToken);
  }

  @Access(SIGNED_IN_AT_ALL)
  @Post('logout')
  @HttpCode(204)
  @ApiOperation({ summary: 'Sign out: both tokens are dead from now on' })
  @ApiNoContentResponse()
  logout(@CurrentPrincipal() me: Me): Promise<void> {
    return this.sessions.signOut(me);
  }

  @Access(SIGNED_IN_AT_ALL)
  @Get('me')
  @ApiOperation({ summary: 'The account that is signed in' })
  @ApiOkResponse({ type: AccountDto })
  me(@CurrentPrincipal() me: Me): Promise<AccountDto> {
    return this.auth.me(me);
  }

  @Access(SIGNED_IN)
  @Post('password')
  @HttpCode(204)
  @ApiOperation({ summary: 'Change the own password', description: 'All other sessions end.' })
  @ApiNoContentResponse()
  @ApiBadRequestResponse({
    description: 'The current password is wrong, or the new one too weak (`validation`).',
  })
  @ApiTooManyRequestsResponse({ description: 'Too many wrong passwords (`too-many-requests`).' })
  changePassword(@CurrentPrincipal() me: Me, @Body() input: PasswordInput): Promise<void> {
    return this.auth.changePassword(me, input.currentPassword, input.newPassword);
  }

  @Access(SIGNED_IN)
  @Get('sessions')
  @ApiOperation({ summary: 'Own live sessions, the newest first' })
  @ApiItems(SessionDto)
  async listSessions(@CurrentPrincipal() me: Me): Promise<{ items: SessionDto[] }> {
    const sessions = await this.sessions.list(me);
    return { items: sessions.map((session) => toSessionDto(session, me)) };
  }

  @Access(SIGNED_IN)
  @Delete('sessions/:id')
  @HttpCode(204)
  @ApiOperation({ summary: 'End one of the own sessions' })
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ description: 'No live session of yours (`not-found`).' })
  endSession(@CurrentPrincipal() me: Me, @Param('id', IdPipe) id: string): Promise<void> {
    return this.sessions.end(me, id);
  }

  @Public()
  @Post('invitations/accept')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Accept an invitation: choose a password and be signed in',
    description: 'Single use.',
  })
  @ApiOkResponse({ type: SignedInDto })
  @ApiBadRequestResponse({ description: 'The token is dead or the password too weak (`validation`).' })
  acceptInvitation(@Body() { token, password }: InvitationInput): Promise<SignedInDto> {
    return this.auth.acceptInvitation(token, password);
  }

  @Public()
  @Post('password-resets/confirm')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Choose a new password by a reset link',
    description: 'Single use. All sessions end.',
  })
  @ApiNoContentResponse()
  @ApiBadRequestResponse({ description: 'The token is dead or the password too weak (`validation`).' })
  confirmPasswordReset(@Body() { token, newPassword }: PasswordResetInput): Promise<void> {
    return this.auth.confirmPasswordReset(token, newPassword);
  }
}
