import { Injectable } from '@nestjs/common';
import { invalid } from '../common/problem.js';
import { PasswordHasher } from './password-hasher.js';
import { passwordFault, type PasswordOwner } from './password.rules.js';

/** Checks and hashes new passwords. */
@Injectable()
export class PasswordsService {
  constructor(private readonly hasher: PasswordHasher) {}

  /**
   * Checks a new password against the rules and hashes it. Never inside a unit of work: it takes tens of milliseconds.
   * @param options.owner whose it is: decides the least length
   * @param options.terms name, e-mail, company … of the account
   * @param options.field the field a problem names
   * @returns the PHC string
   * @throws Problem `validation` naming the field
   */
  async hashNew(
    password: string,
    options: { owner: PasswordOwner; terms: (string | null | undefined)[]; field?: string },
  ): Promise<string> {
    const terms = options.terms.filter((term) => typeof term === 'string');
    const fault = passwordFault(password, options.owner, terms);
    if (fault) throw invalid(options.field ?? 'password', fault);
    return this.hasher.hash(password);
  }
}
