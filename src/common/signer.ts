import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';

/** Authenticates small texts that leave the server and come back (cursors), by keys derived from the JWT secret. */
@Injectable()
export class Signer {
  private readonly keys: Buffer[];

  constructor(config: AppConfig) {
    const secrets = [config.jwt.current, config.jwt.previous].filter((key) => key !== undefined);
    this.keys = secrets.map((key) =>
      Buffer.from(hkdfSync('sha256', key.export(), '', 'ecatalog signer', 32)),
    );
  }

  /** Returns the MAC of `text` (HMAC-SHA-256, base64url). */
  sign(text: string): string {
    return mac(this.keys[0] as Buffer, text);
  }

  /** Tells whether `signature` is that of `text`, by the current or the previous secret. */
  verify(text: string, signature: string): boolean {
    const given = Buffer.from(signature);
    return this.keys.some((key) => {
      const wanted = Buffer.from(mac(key, text));
      return wanted.length === given.length && timingSafeEqual(wanted, given);
    });
  }
}

function mac(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}
