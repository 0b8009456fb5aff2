import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  ApiTooManyRequestsResponse,
} from '@nestjs/swagger';
import { Access, CurrentPrincipal, type UserPrincipal } from './access.js';
import { OwnPasswordInput, RecoveryCodesDto, TotpCodeInput, TotpSecretDto } from './second-factors.dto.js';
import { SecondFactorsService } from './second-factors.service.js';

/** Every user, also one who must set up a second factor first. */
const USER = { users: 'viewer', enrolling: true } as const;

@ApiTags('auth')
@Controller('auth/totp')
export class SecondFactorsController {
  constructor(private readonly secondFactors: SecondFactorsService) {}

  @Access(USER)
  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Begin to set up the own second factor',
    description:
      'Scan the picture with an authenticator app, then activate. Until then nothing is asked for; beginning again replaces the secret.',
  })
  @ApiOkResponse({ type: TotpSecretDto })
  @ApiBadRequestResponse({ description: 'The password is wrong (`validation` naming `password`).' })
  @ApiConflictResponse({ description: 'There is one: disable it first (`conflict`).' })
  @ApiTooManyRequestsResponse({ description: 'Too many wrong passwords (`too-many-requests`).' })
  prepare(
    @CurrentPrincipal() me: UserPrincipal,
    @Body() { password }: OwnPasswordInput,
  ): Promise<TotpSecretDto> {
    return this.secondFactors.prepare(me, password);
  }

  @Access(USER)
  @Post('activate')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Activate the second factor by a first code',
    description:
      'From now on signing in asks for a code. All other sessions end. The recovery codes are shown once.',
  })
  @ApiOkResponse({ type: RecoveryCodesDto })
  @ApiBadRequestResponse({ description: 'The code is wrong (`validation` naming `code`).' })
  @ApiConflictResponse({ description: 'It is active, or was not begun (`conflict`).' })
  @ApiTooManyRequestsResponse({ description: 'Too many wrong codes (`too-many-requests`).' })
  activate(
    @CurrentPrincipal() me: UserPrincipal,
    @Body() { code }: TotpCodeInput,
  ): Promise<RecoveryCodesDto> {
    return this.secondFactors.activate(me, code);
  }

  @Access(USER)
  @Post('disable')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Take the own second factor away',
    description: 'The recovery codes are dead, all other sessions end. Without one nothing changes.',
  })
  @ApiNoContentResponse()
  @ApiBadRequestResponse({ description: 'The password is wrong (`validation` naming `password`).' })
  @ApiTooManyRequestsResponse({ description: 'Too many wrong passwords (`too-many-requests`).' })
  disable(@CurrentPrincipal() me: UserPrincipal, @Body() { password }: OwnPasswordInput): Promise<void> {
    return this.secondFactors.disable(me, password);
  }
}
