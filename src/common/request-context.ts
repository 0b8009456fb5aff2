import { AsyncLocalStorage } from 'node:async_hooks';

/** Who acts: an account, a key, the product itself, or somebody not signed in. */
export interface Actor {
  kind: 'user' | 'client' | 'key' | 'system' | 'anonymous';
  id: string | null;
}

/** What is known about the call being answered; the audit log and the request log read it. */
export interface RequestContext {
  requestId: string | null;
  ip: string | null;
  userAgent: string | null;
  actor: Actor;
  /** The Idempotency-Key of the call and what it was sent with, where the route takes one. */
  idempotency?: { key: string; request: string };
}

const storage = new AsyncLocalStorage<RequestContext>();

const system = Object.freeze<RequestContext>({
  requestId: null,
  ip: null,
  userAgent: null,
  actor: { kind: 'system', id: null },
});

/** Returns the context of the call being answered; outside a call (CLI, jobs) that of the system. */
export function requestContext(): RequestContext {
  return storage.getStore() ?? system;
}

/** Runs `work` with `context` as its request context. */
export function withRequestContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}
