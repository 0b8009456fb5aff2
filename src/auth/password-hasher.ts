import { availableParallelism } from 'node:os';
import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';

/** OWASP Password Storage Cheat Sheet: argon2id (2), 19 MiB, two passes, one lane. Raising them rehashes at sign-in. */
const PARAMETERS = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** A hash of no password, so that an unknown account costs what a known one does (ASVS 5.0 6.3.8). */
const NOBODY =
  '$argon2id$v=19$m=19456,t=2,p=1$gVYu+PpYzlvS7AXexf+ylg$M9bH1i7L2JKqipG2aldX/vmFAQyWkyrvwEvXN6o7VjQ';

/**
 * Hashes passwords by argon2id in libuv's threads, so many at once as leaves the event loop and the other requests a
 * thread.
 */
@Injectable()
export class PasswordHasher {
  private readonly limit = pLimit(Math.max(1, Math.min(3, availableParallelism() - 1)));

  /** Returns the PHC string of a password. */
  hash(password: string): Promise<string> {
    return this.limit(() => hash(password, PARAMETERS));
  }

  /** Tells whether `password` fits; without a stored hash it computes one all the same and says no. */
  async verify(stored: string | null | undefined, password: string): Promise<boolean> {
    const fits = await this.limit(() => verify(stored ?? NOBODY, password));
    return fits && stored != null;
  }

  /** Tells whether a hash was made with weaker parameters than today's. */
  isOutdated(stored: string): boolean {
    const { memoryCost, timeCost, parallelism } = PARAMETERS;
    return !stored.startsWith(`$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`);
  }
}
