import { createHash, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import jwt from 'jsonwebtoken';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { AppConfig } from '../config/app-config.js';
import type { AccountRef } from './accounts.js';

export const ISSUER = 'ecatalog';
export const ACCESS_AUDIENCE = 'ecatalog-api';
export const LAUNCH_AUDIENCE = 'ecatalog-launch';
export const ALGORITHM = 'HS256';

/** How many access tokens are remembered. */
const REMEMBERED = 5_000;

/** The claims of an access token. */
export interface AccessClaims {
  sub: string;
  sid: string;
  kind: AccountRef['kind'];
  iat: number;
  exp: number;
}

/**
 * Signs and reads the product's JWTs (RFC 8725): one algorithm, an audience for each purpose, and a `kid` that only
 * chooses between the current and the previous secret.
 */
@Injectable()
export class TokensService {
  private readonly current: { key: KeyObject; id: string };
  private readonly previous: { key: KeyObject; id: string } | undefined;
  private readonly remembered = new Map<string, AccessClaims>();

  constructor(
    config: AppConfig,
    private readonly clock: Clock,
  ) {
    this.current = { key: config.jwt.current, id: keyId(config.jwt.current) };
    if (config.jwt.previous) this.previous = { key: config.jwt.previous, id: keyId(config.jwt.previous) };
  }

  /** Returns an access token of `account` for `sessionId` that lives `minutes`. */
  signAccessToken(account: AccountRef, sessionId: string, minutes: number): string {
    const iat = Math.floor(this.clock.now().getTime() / 1000);
    return this.sign(
      { sub: account.id, sid: sessionId, kind: account.kind, iat, exp: iat + minutes * 60 },
      ACCESS_AUDIENCE,
    );
  }

  /** Remembers an access token whose signature, issuer and audience were found good. The oldest is forgotten. */
  remember(token: string, claims: AccessClaims): void {
    this.remembered.set(token, claims);
    if (this.remembered.size > REMEMBERED) this.remembered.delete(this.remembered.keys().next().value ?? '');
  }

  /**
   * Returns the claims of a remembered token: a signature that was good stays so while the process has its key. What
   * may change, its age and its session, is for the caller to check.
   */
  claimsOf(token: string): AccessClaims | undefined {
    return this.remembered.get(token);
  }

  /**
   * Returns a launch token of a demo session, different from every other. It has no expiry of its own: it lives and dies
   * with the session.
   */
  signLaunchToken(demoSessionId: string): string {
    const iat = Math.floor(this.clock.now().getTime() / 1000);
    return this.sign({ sub: demoSessionId, iat, jti: newId() }, LAUNCH_AUDIENCE);
  }

  /** Returns the id of the demo session that a launch token is bound to, or undefined for anything else. */
  readLaunchToken(token: string): string | undefined {
    try {
      const claims = jwt.verify(token, this.keyOf(token), {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: LAUNCH_AUDIENCE,
        ignoreExpiration: true,
      });
      return typeof claims === 'object' ? claims.sub : undefined;
    } catch {
      return undefined;
    }
  }

  /** Returns the key that a token says it was signed with: the previous one if its `kid` says so, else the current one. */
  keyOf(token: string): KeyObject {
    const header = decodeHeader(token);
    return this.previous && header?.kid === this.previous.id ? this.previous.key : this.current.key;
  }

  private sign(claims: object, audience: string): string {
    return jwt.sign(claims, this.current.key, {
      algorithm: ALGORITHM,
      keyid: this.current.id,
      issuer: ISSUER,
      audience,
    });
  }
}

function keyId(key: KeyObject): string {
  return createHash('sha256').update('kid').update(key.export()).digest('base64url').slice(0, 12);
}

function decodeHeader(token: string): { kid?: unknown } | undefined {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString());
    return header !== null && typeof header === 'object' ? header : undefined;
  } catch {
    return undefined;
  }
}
