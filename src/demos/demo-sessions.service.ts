import { Injectable } from '@nestjs/common';
import { UsageService } from '../analytics/usage.service.js';
import { AuditService } from '../audit/audit.service.js';
import { Clock } from '../common/clock.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { DemoSession, type DemoSessionEndReason } from './demo-session.entity.js';
import {
  type GrantWindow,
  grantWindows,
  grantWindowTypes,
  lapsedSessions,
  openSessions,
  type SessionFilter,
  sessionTypes,
} from './demo-sessions.queries.js';
import { durationSeconds, type End, endOf, expiry, lapse } from './demo-sessions.rules.js';

/** Demo sessions as long as they live, and their end: by a clock, by their owner, or because access ended. */
@Injectable()
export class DemoSessionsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly audit: AuditService,
    private readonly usage: UsageService,
  ) {}

  /**
   * Ends a client's or a demo's live sessions, in the unit of work of the change that forbids them. Call it after that
   * change was written and its audit entry recorded: an opening that waits for the change then finds it, and the entry
   * is named by the change.
   */
  async endLive(filter: SessionFilter, reason: DemoSessionEndReason, at: Date): Promise<void> {
    const sessions = await this.uow.query<DemoSession>(openSessions(filter), filter, sessionTypes);
    await this.end(sessions.map((session) => ({ session, end: endNow(session, reason, at) })));
  }

  /**
   * Fits a client's live sessions to the windows as they are now, in the unit of work that changed them (call it last,
   * as `endLive`): they end later or earlier, and those whose time is over end with `access-ended`. A session that has
   * ended before stays so.
   */
  async applyLimits(clientId: string): Promise<void> {
    const now = this.clock.now();
    const sessions = await this.uow.query<DemoSession>(
      openSessions({ clientId }),
      { clientId },
      sessionTypes,
    );
    if (sessions.length === 0) return;
    const grants = await this.uow.query<GrantWindow>(grantWindows, { clientId }, grantWindowTypes);
    const ended: Ending[] = [];
    for (const session of sessions) {
      const grant = grants.find(({ demoId }) => demoId === session.demoId);
      const clockEnd = endOf(session, now);
      if (clockEnd || !grant) {
        ended.push({ session, end: clockEnd ?? endNow(session, 'grant-removed', now) });
        continue;
      }
      const expiresAt = expiry(session.maxEndsAt, grant);
      if (expiresAt <= now || (grant.grantStartsAt && grant.grantStartsAt > now)) {
        ended.push({ session, end: endNow(session, 'access-ended', now) });
      } else if (expiresAt.getTime() !== session.expiresAt.getTime()) {
        await this.limit(session, expiresAt);
      }
    }
    await this.end(ended);
  }

  /**
   * Writes down the ends of sessions that a clock has ended, the oldest first, at most `limit`. Safe to repeat and to
   * run on several replicas; what it does shows before it runs, because every answer derives it.
   * @returns how many were written down
   */
  settleLapsed(limit: number): Promise<number> {
    return this.uow.run(async () => {
      const at = this.clock.now();
      const sessions = await this.uow.query<DemoSession>(lapsedSessions, { at, limit }, sessionTypes);
      await this.end(sessions.map((session) => ({ session, end: endOf(session, at)! })));
      return sessions.length;
    });
  }

  private async limit(session: DemoSession, expiresAt: Date): Promise<void> {
    const { activateBy, lastSeenAt, idleSeconds } = session;
    const lapsesAt = lapse({ activateBy, lastSeenAt, idleSeconds, expiresAt });
    await this.uow.manager.update(DemoSession, { id: session.id }, { expiresAt, lapsesAt });
    this.audit.record({
      action: 'demo-session.limited',
      entityType: 'demo-session',
      entityId: session.id,
      before: { expiresAt: session.expiresAt },
      after: { expiresAt },
    });
  }

  private async end(endings: Ending[]): Promise<void> {
    for (const { session, end } of endings) {
      await this.uow.manager.update(DemoSession, { id: session.id }, end);
      this.audit.record({
        action: end.endReason === 'closed' ? 'demo-session.closed' : 'demo-session.ended',
        entityType: 'demo-session',
        entityId: session.id,
        after: { ...end },
      });
    }
    await this.usage.record(
      endings.map(({ session, end }) => ({
        kind: 'ended',
        at: end.endedAt,
        session,
        durationSeconds: durationSeconds(session.openedAt, end.endedAt),
      })),
    );
  }
}

interface Ending {
  session: DemoSession;
  end: End;
}

/** The end that a clock has brought by `at`, else the one given; never before the opening, whatever the clocks of replicas say. */
function endNow(session: DemoSession, reason: DemoSessionEndReason, at: Date): End {
  return endOf(session, at) ?? { endedAt: at < session.openedAt ? session.openedAt : at, endReason: reason };
}
