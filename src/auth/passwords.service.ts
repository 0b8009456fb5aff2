import { Injectable } from '@nestjs/common';
import { invalid } from '../common/problem.js';
import { PasswordHasher } from './password-hasher.js';
import { passwordFault, type PasswordOwner } from './password.rules.js';

export interface NewPasswordOptions {
  /** Whose it is: decides the least length. */
  owner: PasswordOwner;
  /** Name, e-mail, company … of the account. */
  terms: (string | null | undefined)[];
  /** The field that a problem names, `password` unless told. */
  field?: string;
}

/** Checks and hashes new passwords. */
@Injectable()
export class PasswordsService {
  constructor(private readonly hasher: PasswordHasher) {}

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
}
