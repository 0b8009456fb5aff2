import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { Clock } from '../common/clock.js';
import { counter } from '../common/metrics.js';
import { invalid, notFound, Problem } from '../common/problem.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { NotificationsService } from '../notifications/notifications.service.js';
import type { ClientPrincipal, UserPrincipal } from './access.js';
import { AccountTokensService } from './account-tokens.service.js';
import { type AccountRef, isRevoked } from './accounts.js';
import { type AccountDto, type SignedInDto, toAccountDto } from './auth.dto.js';
import type { AccountRow } from './auth.queries.js';
import { CredentialsService, refOf } from './credentials.service.js';
import { PasswordHasher } from './password-hasher.js';
import { PasswordsService } from './passwords.service.js';
import { SecondFactorsService } from './second-factors.service.js';
import { SessionsService } from './sessions.service.js';
import { SignInFailuresService } from './sign-in-failures.service.js';

const signInResults = [
  'ok',
  'invalid-credentials',
  'too-many-requests',
  'access-revoked',
  'otp-required',
  'error',
] as const;
const signIns = counter('sign_ins_total', 'Sign-ins by what came of them.', ['result']);
for (const result of signInResults) signIns.inc({ result }, 0);

/** Signing in and out, and everything about one's own password. */
@Injectable()
export class AuthService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly audit: AuditService,
    private readonly credentials: CredentialsService,
    private readonly failures: SignInFailuresService,
    private readonly hasher: PasswordHasher,
    private readonly passwords: PasswordsService,
    private readonly secondFactors: SecondFactorsService,
    private readonly sessions: SessionsService,
    private readonly accountTokens: AccountTokensService,
    private readonly notifications: NotificationsService,
  ) {}

  /**
   * Signs in. The answer and the work are the same whether or not the account exists (ASVS 5.0 6.3.8).
   * @param otp a one-time or recovery code; asked for where a second factor is active
   * @throws Problem `invalid-credentials`, `too-many-requests`; with the right password `access-revoked`, `otp-required`
   */
  async login(email: string, password: string, otp?: string): Promise<SignedInDto> {
    try {
      const signedIn = await this.signIn(email, password, otp);
      signIns.inc({ result: 'ok' });
      return signedIn;
    } catch (error) {
      const known = signInResults.find((result) => error instanceof Problem && error.slug === result);
      signIns.inc({ result: known ?? 'error' });
      throw error;
    }
  }

  private async signIn(email: string, password: string, otp?: string): Promise<SignedInDto> {
    const account = await this.credentials.findByEmail(email);
    const fits = await this.hasher.verify(account?.passwordHash, password);
    // After the hash, so that its time tells nobody whether an account is locked (ASVS 5.0 6.3.8).
    await this.failures.refuseLocked(email);
    if (!fits || !account) {
      return this.failures.refuse(email, account && refOf(account), wrongCredentials());
    }
    const stored = account.passwordHash as string;
    const rehashed = this.hasher.isOutdated(stored) ? await this.hasher.hash(password) : undefined;
    const ref = refOf(account);
    const signedIn = await this.uow.run(async () => {
      if (!(await this.failures.take(email))) return 'locked';
      await this.credentials.hold(ref);
      // Read again: the password or the access may have changed while the hash was computed.
      const current = await this.credentials.findByEmail(email);
      if (current?.passwordHash !== stored) return 'changed';
      if (isRevoked(current, this.clock.now())) return 'revoked';
      if (current.hasSecondFactor && otp === undefined) return 'no-code';
      const secondFactor = current.hasSecondFactor ? await this.secondFactors.take(ref.id, otp!) : 'none';
      if (!secondFactor) return this.failures.count(email, ref);
      await this.failures.forget(email);
      if (rehashed !== undefined) await this.credentials.rehash(ref, stored, rehashed);
      return this.begin(current, 'auth.signed-in', current.hasSecondFactor ? { secondFactor } : {});
    });
    switch (signedIn) {
      case 'locked':
      case 'was-locked':
        throw await this.failures.locked(email);
      case 'changed':
        throw wrongCredentials();
      case 'revoked':
        throw new Problem('access-revoked', 'Your access was revoked.');
      case 'no-code':
        throw new Problem(
          'otp-required',
          'Give a code of your authenticator app, or a recovery code, as `otp`.',
        );
      case 'counted':
      case 'locks':
        throw new Problem('invalid-credentials', 'The code is wrong, or was used before.');
      default:
        return signedIn;
    }
  }

  /**
   * Exchanges a refresh token for new tokens.
   * @throws Problem `unauthenticated`
   */
  async refresh(refreshToken: string): Promise<SignedInDto> {
    const { principal, tokens } = await this.sessions.refresh(refreshToken);
    return { ...tokens, account: await this.me(principal) };
  }

  /** Returns the caller's own account. */
  async me(account: AccountRef): Promise<AccountDto> {
    const row = await this.credentials.find(account);
    if (!row) throw notFound();
    return toAccountDto(row, this.clock.now());
  }

  /**
   * Changes the caller's password; all other sessions end.
   * @throws Problem `validation` naming `currentPassword` or `newPassword`, `too-many-requests` after too many tries
   */
  async changePassword(
    me: UserPrincipal | ClientPrincipal,
    currentPassword: string,
    newPassword: string,
  ): Promise<void> {
    const account = await this.passwords.confirm(me, currentPassword, 'currentPassword');
    const passwordHash = await this.hashNew(account, newPassword, 'newPassword');
    await this.passwords.runConfirmed(account, 'currentPassword', async () => {
      await this.credentials.setPassword(me, passwordHash);
      await this.accountTokens.removeAll(me);
      await this.sessions.endAll(me, 'password-changed', { except: me.sessionId });
      this.audit.record({ action: 'auth.password-changed', entityType: me.kind, entityId: me.id });
      await this.tellPasswordChanged(me);
    });
  }

  /**
   * Accepts an invitation: sets the account's first password and signs it in.
   * @throws Problem `validation` naming `token` or `password`
   */
  async acceptInvitation(token: string, password: string): Promise<SignedInDto> {
    const account = await this.accountOf('invitation', token);
    const passwordHash = await this.hashNew(account, password, 'password');
    return this.uow.run(async () => {
      const current = await this.takeUp('invitation', token, refOf(account));
      await this.credentials.setPassword(refOf(current), passwordHash);
      await this.sessions.endAll(refOf(current), 'password-changed');
      return this.begin(current, 'auth.invitation-accepted');
    });
  }

  /**
   * Sets a new password by a reset link; all sessions end and a lock is lifted.
   * @throws Problem `validation` naming `token` or `newPassword`
   */
  async confirmPasswordReset(token: string, newPassword: string): Promise<void> {
    const account = await this.accountOf('password-reset', token);
    const ref = refOf(account);
    const passwordHash = await this.hashNew(account, newPassword, 'newPassword');
    await this.uow.run(async () => {
      await this.failures.lift(account.email);
      await this.takeUp('password-reset', token, ref);
      await this.credentials.setPassword(ref, passwordHash);
      await this.sessions.endAll(ref, 'password-changed');
      this.audit.record({ action: 'auth.password-reset', entityType: ref.kind, entityId: ref.id }, ref);
      await this.tellPasswordChanged(ref);
    });
  }

  private async begin(account: AccountRow, action: string, how: object = {}): Promise<SignedInDto> {
    const ref = refOf(account);
    const { sessionId, tokens } = await this.sessions.begin(ref);
    this.audit.record({ action, entityType: ref.kind, entityId: ref.id, after: { sessionId, ...how } }, ref);
    return { ...tokens, account: toAccountDto(account, this.clock.now()) };
  }

  private async accountOf(purpose: 'invitation' | 'password-reset', token: string): Promise<AccountRow> {
    const owner = await this.accountTokens.owner(purpose, token);
    const account = owner && (await this.credentials.find(owner));
    if (!account || isRevoked(account, this.clock.now())) throw deadToken();
    return account;
  }

  /** Uses a token up, and with it every other one of its account. */
  private async takeUp(
    purpose: 'invitation' | 'password-reset',
    token: string,
    ref: AccountRef,
  ): Promise<AccountRow> {
    await this.credentials.hold(ref);
    // Read again: the token may be used, or the access revoked, while the hash was computed.
    const account = await this.accountOf(purpose, token);
    await this.accountTokens.removeAll(ref);
    return account;
  }

  private async tellPasswordChanged(account: AccountRef): Promise<void> {
    await this.notifications.tell(account, 'password-changed', { at: this.clock.now() });
  }

  private hashNew(account: AccountRow, password: string, field: string): Promise<string> {
    return this.passwords.hashNew(password, {
      owner: account.hasSecondFactor ? 'userWithSecondFactor' : refOf(account).kind,
      terms: [account.name, account.email, account.company],
      field,
    });
  }
}

/** Used, replaced, expired, revoked or never issued: the same answer. */
function deadToken(): Problem {
  return invalid('token', 'is not valid (any more)');
}

/** The same for a wrong password and for nobody. */
function wrongCredentials(): Problem {
  return new Problem('invalid-credentials', 'E-mail or password is wrong.');
}
