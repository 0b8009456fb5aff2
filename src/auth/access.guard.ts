import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { andThen, type MaybePromise } from '../common/maybe-promise.js';
import { Problem } from '../common/problem.js';
import { requestContext } from '../common/request-context.js';
import { ACCESS, type AccessRule, type Principal } from './access.js';
import { refusal } from './access.rules.js';
import { apiKeyOf, ApiKeysService } from './api-keys.service.js';
import { JwtStrategy } from './jwt.strategy.js';

/** The one guard: who may call a route is what the route declares (`@Access`, `@Public`), and nothing else. */
@Injectable()
export class AccessGuard extends AuthGuard('jwt') {
  constructor(
    private readonly reflector: Reflector,
    private readonly keys: ApiKeysService,
    private readonly strategy: JwtStrategy,
  ) {
    super();
  }

  override canActivate(context: ExecutionContext): MaybePromise<boolean> {
    const rule = this.reflector.get<AccessRule | 'public' | undefined>(ACCESS, context.getHandler());
    if (rule === 'public') return true;
    return andThen(this.authenticate(context), (principal) => {
      requestContext().actor = { kind: principal.kind, id: principal.id };
      const refused = rule === undefined ? 'forbidden' : refusal(rule, principal);
      if (refused) throw new Problem(refused, 'This is not open to you.');
      return true;
    });
  }

  /**
   * Returns who calls.
   * @throws Problem `unauthenticated`
   */
  authenticate(context: ExecutionContext): MaybePromise<Principal> {
    const request = context.switchToHttp().getRequest<FastifyRequest & { user: Principal }>();
    const key = apiKeyOf(request.headers.authorization);
    const known: MaybePromise<Principal | false | undefined> =
      key === undefined ? this.strategy.known(request) : this.keys.principal(key);
    if (known === undefined) return this.byPassport(context, request);
    return andThen(known, (principal) => (request.user = this.handleRequest(null, principal ?? false)));
  }

  private async byPassport(context: ExecutionContext, request: { user: Principal }): Promise<Principal> {
    await super.canActivate(context);
    return request.user;
  }

  override handleRequest<T>(error: unknown, principal: T | false): T {
    if (error instanceof Error) throw error;
    if (!principal) {
      throw new Problem(
        'unauthenticated',
        'Send a valid access token or API key as `Authorization: Bearer …`.',
      );
    }
    return principal;
  }
}
