import { Injectable } from '@nestjs/common';
import { invalid, notFound } from '../common/problem.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import type { AccountRef } from './accounts.js';
import type { AccountRow } from './auth.queries.js';
import { CredentialsService, refOf } from './credentials.service.js';
import { PasswordHasher } from './password-hasher.js';
import { passwordFault, type PasswordOwner } from './password.rules.js';
import { SignInFailuresService } from './sign-in-failures.service.js';

export interface NewPasswordOptions {
  /** Whose it is: decides the least length. */
  owner: PasswordOwner;
  /** Name, e-mail, company … of the account. */
  terms: (string | null | undefined)[];
  /** The field that a problem names, `password` unless told. */
  field?: string;
}

/** Checks and hashes new passwords, and makes sure that a caller knows the own one. */
@Injectable()
export class PasswordsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly credentials: CredentialsService,
    private readonly failures: SignInFailuresService,
    private readonly hasher: PasswordHasher,
  ) {}

  /**
   * Checks a new password against the rules and hashes it. Never inside a unit of work: it takes tens of milliseconds.
   * @returns the PHC string
   * @throws Problem `validation` naming the field
   */
  async hashNew(password: string, options: NewPasswordOptions): Promise<string> {
    this.check(password, options);
    return this.hasher.hash(password);
  }

  /** Checks a new password against the rules alone. Throws as `hashNew`. */
  check(password: string, options: NewPasswordOptions): void {
    const terms = options.terms.filter((term) => typeof term === 'string');
    const fault = passwordFault(password, options.owner, terms);
    if (fault) throw invalid(options.field ?? 'password', fault);
  }

  /**
   * Asks the caller for the own password before something grave; a wrong one counts as a failed sign-in.
   * @param field the field a problem names
   * @throws Problem `validation` naming the field, `too-many-requests`
   */
  async confirm(me: AccountRef, password: string, field: string): Promise<AccountRow> {
    const account = await this.credentials.find(me);
    if (!account) throw notFound();
    await this.failures.refuseLocked(account.email);
    if (await this.hasher.verify(account.passwordHash, password)) return account;
    return this.failures.refuse(account.email, me, wrong(field));
  }

  /**
   * Runs, as a unit of work, what `confirm` has let through, holding the account's row.
   * @param work takes the account as it is now
   * @throws Problem as `confirm`, where the password was changed or the e-mail locked in between
   */
  async runConfirmed(
    account: AccountRow,
    field: string,
    work: (current: AccountRow) => Promise<void>,
  ): Promise<void> {
    const outcome = await this.uow.run(async () => {
      if (!(await this.failures.forget(account.email))) return 'locked';
      await this.credentials.hold(refOf(account));
      const current = await this.credentials.find(refOf(account));
      if (current?.passwordHash !== account.passwordHash) return 'changed';
      await work(current);
      return 'done';
    });
    if (outcome === 'locked') throw await this.failures.locked(account.email);
    if (outcome === 'changed') throw wrong(field);
  }
}

function wrong(field: string): ReturnType<typeof invalid> {
  return invalid(field, 'is wrong');
}
