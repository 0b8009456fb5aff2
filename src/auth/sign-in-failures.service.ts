import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { after, Clock, MINUTE } from '../common/clock.js';
import { digest } from '../common/ids.js';
import { type Problem, tooManyRequests } from '../common/problem.js';
import { emailKey } from '../common/text.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { SettingsService } from '../settings/settings.service.js';
import type { AccountRef } from './accounts.js';

/** What a failed try did to its e-mail. */
export type FailureOutcome = 'counted' | 'locks' | 'was-locked';

/**
 * Counts failed sign-ins by e-mail, in the database, so that all replicas share it, and whether or not the account
 * exists (ASVS 5.0 6.3.1). The outcome of a password is decided under the counter's row, after the hash was computed:
 * of many tries at once no more than `auth.lockAfter` learn whether theirs was right.
 */
@Injectable()
export class SignInFailuresService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly settings: SettingsService,
    private readonly audit: AuditService,
  ) {}

  /** Throws Problem `too-many-requests` while the e-mail is locked. */
  async refuseLocked(email: string): Promise<void> {
    if ((await this.lockedUntil(email)) !== undefined) throw await this.locked(email);
  }

  /** Returns until when the e-mail is locked, or undefined. */
  async lockedUntil(email: string): Promise<Date | undefined> {
    const [row] = await this.uow.query<{ lockedUntil: Date }>(
      `SELECT "locked_until" AS "lockedUntil" FROM "sign_in_failures"
       WHERE "email_hash" = :emailHash AND "locked_until" > :now`,
      { emailHash: hashOf(email), now: this.clock.now() },
      { lockedUntil: 'instant' },
    );
    return row?.lockedUntil;
  }

  /** Holds the e-mail's counter to the end of the unit; false when it is locked. Inside a unit of work. */
  async take(email: string): Promise<boolean> {
    return !(await this.waitForRow(hashOf(email), this.clock.now()));
  }

  /**
   * Counts a failed try and throws `answer`, or 429 when the e-mail was locked by then.
   * @param account whose e-mail it is, if anybody's
   */
  async refuse(email: string, account: AccountRef | undefined, answer: Problem): Promise<never> {
    const outcome = await this.uow.run(() => this.count(email, account));
    throw outcome === 'was-locked' ? await this.locked(email) : answer;
  }

  /** Counts a failure and notes it in the audit log. Inside a unit of work. */
  async count(email: string, account: AccountRef | undefined): Promise<FailureOutcome> {
    const now = this.clock.now();
    const lockAfter = await this.settings.get('auth.lockAfter');
    const lockedUntil = after(now, (await this.settings.get('auth.lockMinutes')) * MINUTE);
    const emailHash = hashOf(email);
    if (await this.waitForRow(emailHash, now)) return 'was-locked';
    const [row] = await this.uow.query<{ failures: number }>(
      `UPDATE "sign_in_failures" SET
         "failures" = CASE WHEN "locked_until" IS NULL THEN "failures" + 1 ELSE 1 END,
         "locked_until" = CASE WHEN (CASE WHEN "locked_until" IS NULL THEN "failures" + 1 ELSE 1 END) >= :lockAfter
           THEN ${this.uow.dialect === 'postgres' ? ':lockedUntil::timestamptz' : ':lockedUntil'} END,
         "updated_at" = :now
       WHERE "email_hash" = :emailHash RETURNING "failures" AS "failures"`,
      { emailHash, lockAfter, lockedUntil, now },
    );
    const locks = (row?.failures ?? 0) >= lockAfter;
    this.audit.record({
      action: locks ? 'auth.locked-out' : 'auth.sign-in-failed',
      entityType: account?.kind ?? 'account',
      entityId: account?.id ?? null,
    });
    return locks ? 'locks' : 'counted';
  }

  /** Forgets the failures after a good sign-in; false when the e-mail is locked meanwhile. Inside a unit of work. */
  async forget(email: string): Promise<boolean> {
    const now = this.clock.now();
    await this.uow.execute(
      `DELETE FROM "sign_in_failures" WHERE "email_hash" = :emailHash AND ("locked_until" IS NULL OR "locked_until" <= :now)`,
      { emailHash: hashOf(email), now },
    );
    return (await this.lockedUntil(email)) === undefined;
  }

  /** Lifts a lock. Inside a unit of work. */
  async lift(email: string): Promise<void> {
    await this.uow.execute(`DELETE FROM "sign_in_failures" WHERE "email_hash" = :emailHash`, {
      emailHash: hashOf(email),
    });
  }

  /** Removes the counters that stood still since an instant and lock nothing. Inside a unit of work. @returns how many */
  removeOld(before: Date): Promise<number> {
    return this.uow.execute(
      `DELETE FROM "sign_in_failures" WHERE "updated_at" < :before AND ("locked_until" IS NULL OR "locked_until" <= :now)`,
      { before, now: this.clock.now() },
    );
  }

  /** Returns 429 with the time that is left. */
  async locked(email: string): Promise<Problem> {
    const now = this.clock.now();
    const until = (await this.lockedUntil(email)) ?? now;
    return tooManyRequests('Too many failed sign-ins. Try again later.', until.getTime() - now.getTime());
  }

  /** Makes sure that the row is there and holds it to the end of the unit; tells whether it is locked. */
  private async waitForRow(emailHash: string, now: Date): Promise<boolean> {
    const [row] = await this.uow.query<{ lockedUntil: Date | null }>(
      `INSERT INTO "sign_in_failures" ("email_hash", "failures", "locked_until", "updated_at")
       VALUES (:emailHash, 0, NULL, :now)
       ON CONFLICT ("email_hash") DO UPDATE SET "updated_at" = excluded."updated_at"
       RETURNING "locked_until" AS "lockedUntil"`,
      { emailHash, now },
      { lockedUntil: 'instant' },
    );
    return row !== undefined && row.lockedUntil !== null && row.lockedUntil > now;
  }
}

/** What was typed is not kept: it may be a password. */
function hashOf(email: string): string {
  return digest(emailKey(email));
}
