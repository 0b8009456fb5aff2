import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import canonicalize from 'canonicalize';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { type Actor, requestContext } from '../common/request-context.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import type { AuditEntry } from './audit.entity.js';
import { addEntry, chainHead, lockChain } from './audit.queries.js';

/** The hash before the first entry. */
export const GENESIS = '0'.repeat(64);

/** What was done to what. */
export interface Change {
  /** `<what>.<done>`, e.g. `client.revoked`. */
  action: string;
  entityType: string;
  entityId: string | null;
  /** The changed fields as they were and as they are; personal values left out (`changes` of changes.ts does so). */
  before?: Record<string, unknown>;
  after?: Record<string, unknown>;
  reason?: string;
}

interface Pending {
  actor: Actor;
  changes: Change[];
}

const PENDING = Symbol('audit entries of this unit');

/**
 * Writes the audit log. Inside a unit of work the first `record` names the entry; what later ones changed in the same
 * unit is listed in its `after.also`, so that one call makes one entry. What the product itself did on a caller's
 * behalf is its own entry: an entry has one actor.
 */
@Injectable()
export class AuditService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
  ) {}

  /**
   * Notes a change; it is written as the unit's last statement before COMMIT, or not at all when the unit fails.
   * @param actor who did it, when that is not the caller of the request (sign-in)
   * @throws Error outside a unit of work
   */
  record(change: Change, actor: Actor = requestContext().actor): void {
    const state = this.uow.state;
    if (!state) throw new Error('An audit entry needs the unit of work of its change.');
    const pending = (state.get(PENDING) ?? []) as Pending[];
    const entry = pending.find(({ actor: { kind, id } }) => kind === actor.kind && id === actor.id);
    if (entry) {
      entry.changes.push(change);
      return;
    }
    const fresh: Pending = { actor, changes: [change] };
    state.set(PENDING, [...pending, fresh]);
    this.uow.beforeCommit(() => this.append(fresh));
  }

  private async append({ actor, changes }: Pending): Promise<void> {
    const [change, ...also] = changes as [Change, ...Change[]];
    const { requestId, ip } = requestContext();
    // The lock comes last before COMMIT, always: taken earlier, two units could wait for each other.
    if (this.uow.dialect === 'postgres') await this.uow.get(lockChain);
    const head = await this.uow.get(chainHead);
    const after = also.length > 0 ? { ...change.after, also } : change.after;
    const entry: Omit<AuditEntry, 'hash'> = {
      id: newId(),
      seq: (head?.seq ?? 0) + 1,
      at: this.clock.now(),
      actorKind: actor.kind,
      actorId: actor.id,
      action: change.action,
      entityType: change.entityType,
      entityId: change.entityId,
      ip,
      requestId,
      before: canonical(change.before),
      after: canonical(after),
      reason: change.reason ?? null,
    };
    await this.uow.execute(addEntry, { ...entry, hash: entryHash(head?.hash ?? GENESIS, entry) });
  }
}

/**
 * Returns an entry's hash: SHA-256 over the hash before it and the entry as canonical JSON (RFC 8785), instants in
 * ISO milliseconds, so that a chain that was moved to another database still verifies.
 */
export function entryHash(previous: string, entry: Omit<AuditEntry, 'hash'>): string {
  const { id, seq, at, actorKind, actorId, action, entityType, entityId } = entry;
  const { ip, requestId, before, after, reason } = entry;
  const what = { id, seq, at: at.toISOString(), actorKind, actorId, action, entityType, entityId };
  const hashed = { ...what, ip, requestId, before, after, reason };
  return createHash('sha256')
    .update(`${previous}\n${canonicalize(hashed)}`)
    .digest('hex');
}

function canonical(value: Record<string, unknown> | undefined): string | null {
  return value === undefined ? null : (canonicalize(value) ?? null);
}
