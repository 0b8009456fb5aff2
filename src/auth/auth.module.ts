import { Global, Module } from '@nestjs/common';
import { PassportModule } from '@nestjs/passport';
import { AccessGuard } from './access.guard.js';
import { AccountTokensService } from './account-tokens.service.js';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';
import { AuthController } from './auth.controller.js';
import { AuthService } from './auth.service.js';
import { CredentialsService } from './credentials.service.js';
import { FirstAdminService } from './first-admin.service.js';
import { JwtStrategy } from './jwt.strategy.js';
import { PasswordHasher } from './password-hasher.js';
import { PasswordsService } from './passwords.service.js';
import { SecondFactorsController } from './second-factors.controller.js';
import { SecondFactorsService } from './second-factors.service.js';
import { SessionsService } from './sessions.service.js';
import { SignInFailuresService } from './sign-in-failures.service.js';
import { TokensService } from './tokens.service.js';
import { UsersController } from './users.controller.js';
import { UsersService } from './users.service.js';

/** Who is who: accounts' credentials, sessions, and the guard that every route stands behind. */
@Global()
@Module({
  imports: [PassportModule],
  controllers: [ApiKeysController, AuthController, SecondFactorsController, UsersController],
  providers: [
    AccessGuard,
    AccountTokensService,
    ApiKeysService,
    AuthService,
    CredentialsService,
    FirstAdminService,
    JwtStrategy,
    PasswordHasher,
    PasswordsService,
    SecondFactorsService,
    SessionsService,
    SignInFailuresService,
    TokensService,
    UsersService,
  ],
  exports: [
    AccessGuard,
    AccountTokensService,
    CredentialsService,
    FirstAdminService,
    PasswordsService,
    SecondFactorsService,
    SessionsService,
    SignInFailuresService,
    TokensService,
    UsersService,
  ],
})
export class AuthModule {}
