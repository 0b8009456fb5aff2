import { createHash, randomBytes } from 'node:crypto';
import { v7, validate } from 'uuid';

/** Returns a new id: a UUIDv7 (RFC 9562), so that ids sort by the time they were made. */
export function newId(): string {
  return v7();
}

/** Tells whether `value` is a UUID in its canonical lower-case form, as the database returns it. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && validate(value) && value === value.toLowerCase();
}

/** Returns a new secret of 256 random bits as base64url (ASVS 5.0 7.2.3 asks for 128). */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** Returns the SHA-256 of a secret of high entropy as 64 hex digits: the form in which secrets are stored. */
export function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
