import { createRequire } from 'node:module';
import type { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { fold } from '../common/text.js';

/** Whose password it is. */
export type PasswordOwner = 'client' | 'user' | 'userWithSecondFactor';

/** Least lengths (NIST SP 800-63B-4, 3.1.1.2: 15 where the password is the only factor; clients are outsiders with a window). */
const MIN_LENGTH: Record<PasswordOwner, number> = { client: 12, user: 15, userWithSecondFactor: 12 };

/** Any Unicode up to so many characters. */
export const MAX_LENGTH = 128;

/** zxcvbn's score from which a password withstands guessing: 10^8 guesses or more. */
const MIN_SCORE = 3;

/** Letters and digits that a password must have beside words of the account. */
const MIN_OWN = 8;

let loaded: ZxcvbnFactory | undefined;

/** Its dictionaries are large, and most processes never see a new password: loaded with the first one. */
function estimator(): ZxcvbnFactory {
  if (loaded) return loaded;
  const require = createRequire(import.meta.url);
  const core = require('@zxcvbn-ts/core') as typeof import('@zxcvbn-ts/core');
  const words = require('@zxcvbn-ts/language-common') as typeof import('@zxcvbn-ts/language-common');
  loaded = new core.ZxcvbnFactory({ dictionary: words.dictionary, graphs: words.adjacencyGraphs });
  return loaded;
}

/**
 * Tells what is wrong with a new password, or undefined: too short, too long, common, or derived from the account.
 * No rules of composition (NIST SP 800-63B-4, 3.1.1.2; ASVS 5.0 6.2).
 * @param password counted in Unicode code points
 * @param owner whose it is: decides the least length
 * @param accountTerms name, e-mail, company … of the account
 */
export function passwordFault(
  password: string,
  owner: PasswordOwner,
  accountTerms: string[],
): string | undefined {
  const minLength = MIN_LENGTH[owner];
  const length = [...password].length;
  if (length < minLength) return `must have at least ${minLength} characters`;
  if (length > MAX_LENGTH) return `must not be longer than ${MAX_LENGTH} characters`;
  const terms = accountTerms
    .flatMap((term) => [term, ...term.split(/[^\p{L}\p{N}]+/u)])
    .map(fold)
    .filter((term) => term.length >= 3)
    .sort((one, other) => other.length - one.length);
  const folded = fold(password);
  const rest = terms.reduce((text, term) => text.replaceAll(term, ' '), folded);
  const own = rest.replace(/[^\p{L}\p{N}]+/gu, '');
  if (rest !== folded && [...own].length < MIN_OWN)
    return 'is made of the name, e-mail or company of the account';
  // A common one in full-width letters is as common.
  if (estimator().check(password.normalize('NFKC'), terms).score < MIN_SCORE)
    return 'is too common or too easy to guess';
  return undefined;
}
