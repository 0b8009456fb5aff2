import { randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';

/** RFC 6238 as authenticator apps take it: SHA-1, six digits, half a minute; a secret of 160 bits (RFC 4226, 4). */
const PARAMETERS = { issuer: 'LTP Labs E-Catalog', algorithm: 'SHA1', digits: 6, period: 30 };
const SECRET_BYTES = 20;

/** How many steps a phone's clock may be off, either way (RFC 6238, 5.2). */
const WINDOW = 1;

/** Crockford's base 32: no letters that are read as digits. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const RECOVERY_LENGTH = 16;

/** Returns a new secret as base 32, to be typed where the picture cannot be scanned. */
export function newTotpSecret(): string {
  return new Secret({ size: SECRET_BYTES }).base32;
}

/** Returns the `otpauth:` address that an authenticator app takes up. */
export function totpUrl(secret: string, account: string): string {
  return new TOTP({ ...PARAMETERS, label: account, secret }).toString();
}

/** Returns the time step that `code` belongs to, if that is this one or a neighbour, else undefined. */
export function totpStep(secret: string, code: string, at: Date): number | undefined {
  const token = code.replace(/\s/g, '');
  if (!/^\d{6}$/.test(token)) return undefined;
  const totp = new TOTP({ ...PARAMETERS, secret });
  const timestamp = at.getTime();
  const delta = totp.validate({ token, timestamp, window: WINDOW });
  return delta === null ? undefined : totp.counter({ timestamp }) + delta;
}

/** Returns a new recovery code of 80 random bits, in groups of four. */
export function newRecoveryCode(): string {
  const letters = [...randomBytes(RECOVERY_LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]);
  return letters.join('').replace(/(.{4})(?=.)/g, '$1-');
}

/** Returns a recovery code as it is hashed, however it was typed. */
export function plainRecoveryCode(typed: string): string {
  return typed.toLowerCase().replace(/[\s-]/g, '').replace(/o/g, '0').replace(/[il]/g, '1');
}
