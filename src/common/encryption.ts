import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig, ConfigError } from '../config/app-config.js';

/** NIST SP 800-38D, 8.2.2: a random nonce of 96 bits a message. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';
/** Names the format, so that another one can follow. */
const PREFIX = 'v1.';

/** Encrypts what must be read again and yet not stand in the database, a backup or a replica as it is: by DATA_KEY. */
@Injectable()
export class Encryption {
  constructor(private readonly config: AppConfig) {}

  /** Returns `text` encrypted and authenticated, as ASCII: 41 characters and 4 for each 3 bytes. */
  encrypt(text: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.key(), nonce);
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return PREFIX + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
  }

  /**
   * Returns what `encrypt` was given, by DATA_KEY or the one before.
   * @throws Error when it was altered, or encrypted by another key
   */
  decrypt(encrypted: string): string {
    const key = this.key();
    const { previousDataKey } = this.config;
    try {
      return decryptBy(key, encrypted);
    } catch (cause) {
      try {
        if (previousDataKey) return decryptBy(previousDataKey, encrypted);
      } catch {
        // By neither: the first error says it.
      }
      throw new Error('What is stored cannot be decrypted: DATA_KEY is not the one that encrypted it.', {
        cause,
      });
    }
  }

  /** Returns the same encrypted by DATA_KEY, when the key before it encrypted this; undefined when nothing is to do. */
  renew(encrypted: string): string | undefined {
    const { previousDataKey } = this.config;
    if (!previousDataKey) return undefined;
    try {
      return this.encrypt(decryptBy(previousDataKey, encrypted));
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      return undefined;
    }
  }

  private key(): Buffer {
    const { dataKey } = this.config;
    if (!dataKey) throw new ConfigError(['DATA_KEY: is missing: give the one that the server has']);
    return dataKey;
  }
}

/** @throws Error when it was altered, or encrypted by another key */
function decryptBy(key: Buffer, encrypted: string): string {
  if (!encrypted.startsWith(PREFIX)) throw new Error('unknown format');
  const bytes = Buffer.from(encrypted.slice(PREFIX.length), 'base64url');
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const body = bytes.subarray(NONCE_BYTES + TAG_BYTES);
  return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
}
