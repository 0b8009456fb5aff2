import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-jwt';
import { Clock } from '../common/clock.js';
import { isId } from '../common/ids.js';
import { andThen, type MaybePromise } from '../common/maybe-promise.js';
import type { ClientPrincipal, UserPrincipal } from './access.js';
import { SessionsService } from './sessions.service.js';
import { ACCESS_AUDIENCE, type AccessClaims, ALGORITHM, ISSUER, TokensService } from './tokens.service.js';

/** Exactly one JWT after the scheme (RFC 6750, 2.1); passport-jwt's own reader takes what comes after it, too. */
const BEARER = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i;

function bearerToken({ headers }: { headers: IncomingHttpHeaders }): string | null {
  return BEARER.exec(headers.authorization ?? '')?.[1] ?? null;
}

type Found = UserPrincipal | ClientPrincipal | false;

/** Reads access tokens. A good signature is not enough: the session's row decides, on every request. */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy) {
  constructor(
    private readonly tokens: TokensService,
    private readonly sessions: SessionsService,
    private readonly clock: Clock,
  ) {
    super({
      jwtFromRequest: bearerToken,
      // jsonwebtoken takes a KeyObject, twice as fast as a string; passport-jwt's types do not know.
      secretOrKeyProvider: (_request, token: string, done) =>
        done(null, tokens.keyOf(token) as unknown as Buffer),
      algorithms: [ALGORITHM],
      issuer: ISSUER,
      audience: ACCESS_AUDIENCE,
      // Checked below, by the product's one clock.
      ignoreExpiration: true,
      passReqToCallback: true,
    });
  }

  /** Called by passport with what a good token says. Returns the principal, or false: not signed in. */
  validate(request: { headers: IncomingHttpHeaders }, claims: AccessClaims): MaybePromise<Found> {
    const token = bearerToken(request);
    if (token !== null) this.tokens.remember(token, claims);
    return this.principal(claims);
  }

  /** Returns the principal of a token that passport has let in before, false as `validate`, undefined for any other. */
  known(request: { headers: IncomingHttpHeaders }): MaybePromise<Found> | undefined {
    const token = bearerToken(request);
    const claims = token === null ? undefined : this.tokens.claimsOf(token);
    return claims && this.principal(claims);
  }

  private principal({ exp, sid, kind, sub }: AccessClaims): MaybePromise<Found> {
    if (typeof exp !== 'number' || exp * 1000 <= this.clock.now().getTime() || !isId(sid)) return false;
    return andThen(
      this.sessions.principal(sid),
      (found) => found !== undefined && found.kind === kind && found.id === sub && found,
    );
  }
}
