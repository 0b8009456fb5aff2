import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension, ApiForbiddenResponse, ApiUnauthorizedResponse } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { ClientStatus, Role } from './accounts.js';

/** Scopes that an API key can have (api.md, Accounts and sessions). */
export const keyScopes = [
  'clients:read',
  'clients:write',
  'demos:read',
  'demos:write',
  'images:read',
  'images:write',
  'requests:read',
  'requests:write',
  'analytics:read',
  'audit:read',
  'demo-sessions:read',
  'demo-sessions:verify',
] as const;
export type KeyScope = (typeof keyScopes)[number];

/** Who made the call: known for every route that is not public. */
export type Principal = UserPrincipal | ClientPrincipal | KeyPrincipal;
export interface UserPrincipal {
  kind: 'user';
  id: string;
  sessionId: string;
  role: Role;
  /** Has yet to set up the second factor that the setting `auth.requireTotp` demands. */
  mustEnrol: boolean;
}
export interface ClientPrincipal {
  kind: 'client';
  id: string;
  sessionId: string;
  /** At the instant of the call; never `revoked`, whose sessions have ended. */
  status: ClientStatus;
}
export interface KeyPrincipal {
  kind: 'key';
  id: string;
  scopes: KeyScope[];
}

/** Who may call a route. What is not named may not. */
export interface AccessRule {
  /** Users of at least this role: `viewer` lets administrators in too. */
  users?: Role;
  /** Of these users also those who must set up a second factor first. */
  enrolling?: true;
  /** Clients that are active, also expired, or signed in at all (restricted: expired or scheduled too). */
  clients?: 'active' | 'expired' | 'restricted';
  /** API keys with this scope; `:write` covers its `:read`. */
  key?: KeyScope;
}

export const ACCESS = 'ecatalog:access';

/** Lets anyone call the route. */
export function Public(): MethodDecorator {
  return applyDecorators(declare('public'), ApiExtension('x-access', 'public'));
}

/**
 * Declares who may call the route. Every route has exactly one of `@Access` and `@Public`; a test reads them all, and
 * the guard refuses a route that has none.
 */
export function Access(rule: AccessRule): MethodDecorator {
  return applyDecorators(
    declare(rule),
    ApiExtension('x-access', rule),
    ApiBearerAuth('session'),
    ...(rule.key ? [ApiBearerAuth('key')] : []),
    ApiUnauthorizedResponse({ description: 'Not signed in (`unauthenticated`).' }),
    ApiForbiddenResponse({
      description:
        'Signed in but not allowed (`forbidden`, `access-expired`, `access-not-started`, `otp-enrolment-required`).',
    }),
  );
}

/** Says who may call a handler, once: a second declaration would silently replace the first. */
function declare(rule: AccessRule | 'public'): MethodDecorator {
  return (target, name, descriptor) => {
    if (Reflect.hasMetadata(ACCESS, descriptor.value as object)) {
      throw new Error(`${target.constructor.name}.${String(name)} declares twice who may call it.`);
    }
    SetMetadata(ACCESS, rule)(target, name, descriptor);
  };
}

/** Hands the principal to a handler; only on routes that `@Access` guards. */
export const CurrentPrincipal = createParamDecorator(
  (_: unknown, context: ExecutionContext): Principal | undefined => {
    return context.switchToHttp().getRequest<FastifyRequest & { user?: Principal }>().user;
  },
);
