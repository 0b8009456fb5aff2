import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { Clock } from '../common/clock.js';
import { Encryption } from '../common/encryption.js';
import { digest } from '../common/ids.js';
import { conflict, invalid, notFound } from '../common/problem.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import type { UserPrincipal } from './access.js';
import { CredentialsService } from './credentials.service.js';
import { PasswordsService } from './passwords.service.js';
import { RecoveryCode, SecondFactor } from './second-factor.entity.js';
import type { RecoveryCodesDto, TotpSecretDto } from './second-factors.dto.js';
import { SessionsService } from './sessions.service.js';
import { SignInFailuresService } from './sign-in-failures.service.js';
import { newRecoveryCode, newTotpSecret, plainRecoveryCode, totpStep, totpUrl } from './totp.js';

const RECOVERY_CODES = 10;

/** Users' second factors: one-time codes (RFC 6238), and recovery codes for when the device is lost. */
@Injectable()
export class SecondFactorsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly audit: AuditService,
    private readonly encryption: Encryption,
    private readonly credentials: CredentialsService,
    private readonly failures: SignInFailuresService,
    private readonly passwords: PasswordsService,
    private readonly sessions: SessionsService,
  ) {}

  /**
   * Makes a secret for the caller's authenticator app, in place of one that was not activated.
   * @throws Problem `validation` naming `password`, `conflict` where a second factor is active, `too-many-requests`
   */
  async prepare(me: UserPrincipal, password: string): Promise<TotpSecretDto> {
    const account = await this.passwords.confirm(me, password, 'password');
    const secret = newTotpSecret();
    const otpauthUrl = totpUrl(secret, account.email);
    const { toString: toQrCode } = await import('qrcode');
    const qrSvg = await toQrCode(otpauthUrl, { type: 'svg' });
    await this.passwords.runConfirmed(account, 'password', async (current) => {
      if (current.hasSecondFactor) throw conflict('A second factor is active. Disable it first.');
      await this.uow.manager.delete(SecondFactor, { userId: me.id });
      await this.uow.manager.insert(SecondFactor, {
        userId: me.id,
        secret: this.encryption.encrypt(secret),
        activatedAt: null,
        lastStep: null,
        createdAt: this.clock.now(),
      });
      this.record('auth.second-factor-prepared', me.id);
    });
    return { secret, otpauthUrl, qrSvg };
  }

  /** Encrypts by DATA_KEY what the key before it encrypted. Inside a unit of work. @returns how many secrets */
  async renewEncryption(): Promise<number> {
    let renewed = 0;
    for (const { userId, secret } of await this.uow.manager.find(SecondFactor)) {
      const again = this.encryption.renew(secret);
      if (again === undefined) continue;
      // One that was replaced meanwhile is by the new key already.
      const { affected } = await this.uow.manager.update(SecondFactor, { userId, secret }, { secret: again });
      renewed += affected ?? 0;
    }
    return renewed;
  }

  /**
   * Activates the prepared second factor by its first code, which is spent by that; all other sessions end.
   * @returns recovery codes, which can be seen nowhere else
   * @throws Problem `validation` naming `code`, `conflict` where none is prepared, `too-many-requests`
   */
  async activate(me: UserPrincipal, code: string): Promise<RecoveryCodesDto> {
    const account = await this.credentials.find(me);
    if (!account) throw notFound();
    const outcome = await this.uow.run(async (manager) => {
      if (!(await this.failures.take(account.email))) return 'locked';
      await this.credentials.hold(me);
      const factor = await manager.findOneBy(SecondFactor, { userId: me.id });
      if (!factor) throw conflict('Begin with `POST /auth/totp`.');
      if (factor.activatedAt) throw conflict('A second factor is active already.');
      const now = this.clock.now();
      const lastStep = totpStep(this.encryption.decrypt(factor.secret), code, now);
      if (lastStep === undefined) return this.failures.count(account.email, me);
      await this.failures.forget(account.email);
      await manager.update(SecondFactor, { userId: me.id }, { activatedAt: now, lastStep });
      const recoveryCodes = Array.from({ length: RECOVERY_CODES }, newRecoveryCode);
      await manager.insert(
        RecoveryCode,
        recoveryCodes.map((one) => ({ codeHash: recoveryHash(one), userId: me.id, createdAt: now })),
      );
      await this.sessions.endAll(me, 'second-factor-changed', { except: me.sessionId });
      this.record('auth.second-factor-activated', me.id);
      return { recoveryCodes };
    });
    if (typeof outcome === 'object') return outcome;
    if (outcome === 'locked') throw await this.failures.locked(account.email);
    throw invalid('code', 'is wrong');
  }

  /**
   * Takes the caller's second factor away; all other sessions end.
   * @throws Problem `validation` naming `password`, `too-many-requests`
   */
  async disable(me: UserPrincipal, password: string): Promise<void> {
    const account = await this.passwords.confirm(me, password, 'password');
    await this.passwords.runConfirmed(account, 'password', async () => {
      if (!(await this.forget(me.id))) return;
      await this.sessions.endAll(me, 'second-factor-changed', { except: me.sessionId });
      this.record('auth.second-factor-disabled', me.id);
    });
  }

  /**
   * Takes a user's lost second factor away, as an operator; all sessions end. Inside a unit of work.
   * @returns false where there was none
   */
  async remove(userId: string): Promise<boolean> {
    const user = { kind: 'user', id: userId } as const;
    await this.credentials.hold(user);
    if (!(await this.forget(userId))) return false;
    await this.sessions.endAll(user, 'second-factor-changed');
    this.record('auth.second-factor-removed', userId);
    return true;
  }

  /** Removes what is stored of a user's second factor; false where nothing was. Inside a unit of work. */
  async forget(userId: string): Promise<boolean> {
    await this.uow.manager.delete(RecoveryCode, { userId });
    const { affected } = await this.uow.manager.delete(SecondFactor, { userId });
    return affected === 1;
  }

  /**
   * Takes a code at sign-in, one of the app or a recovery code: each is good once, also of many tries at a time.
   * Inside a unit of work.
   * @returns what it was, or undefined where it is wrong or spent
   */
  async take(userId: string, otp: string): Promise<'code' | 'recovery-code' | undefined> {
    const factor = await this.uow.manager.findOneBy(SecondFactor, { userId });
    const step = factor && totpStep(this.encryption.decrypt(factor.secret), otp, this.clock.now());
    if (step !== null && step !== undefined) {
      const taken = await this.uow.execute(
        `UPDATE "second_factors" SET "last_step" = :step
         WHERE "user_id" = :userId AND "activated_at" IS NOT NULL AND "last_step" < :step`,
        { userId, step },
      );
      return taken === 1 ? 'code' : undefined;
    }
    const { affected } = await this.uow.manager.delete(RecoveryCode, { userId, codeHash: recoveryHash(otp) });
    return affected === 1 ? 'recovery-code' : undefined;
  }

  private record(action: string, userId: string): void {
    this.audit.record({ action, entityType: 'user', entityId: userId });
  }
}

function recoveryHash(code: string): string {
  return digest(plainRecoveryCode(code));
}
