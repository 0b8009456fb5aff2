import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
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

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const rule = this.reflector.get<AccessRule | 'public' | undefined>(ACCESS, context.getHandler());
    if (rule === 'public') return true;
    const principal = await this.authenticate(context);
    requestContext().actor = { kind: principal.kind, id: principal.id };
    const refused = rule === undefined ? 'forbidden' : refusal(rule, principal);
    if (refused) throw new Problem(refused, 'This is not open to you.');
    return true;
  }

  /**
   * Returns who calls.
   * @throws Problem `unauthenticated`
   */
  async authenticate(context: ExecutionContext): Promise<Principal> {
    const request = context.switchToHttp().getRequest<FastifyRequest & { user: Principal }>();
    const key = apiKeyOf(request.headers.authorization);
    const known = key === undefined ? this.strategy.known(request) : this.keys.principal(key);
    if (known) request.user = this.handleRequest(null, (await known) ?? false);
    else await super.canActivate(context);
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
