import { Injectable } from '@nestjs/common';
import { type Usage, UsageService } from '../analytics/usage.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../auth/access.js';
import { Clock, MINUTE } from '../common/clock.js';
import { Lists, type Page } from '../common/pagination.js';
import { conflict, notFound, type Problem, tooManyRequests } from '../common/problem.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { DemoSession, type DemoSessionEndReason } from './demo-session.entity.js';
import { type DemoSessionDto, type DemoSessionQuery, toDemoSessionDto } from './demo-sessions.dto.js';
import {
  activation,
  addSession,
  type GrantWindow,
  grantWindows,
  grantWindowTypes,
  heartbeat,
  heldSession,
  isLive,
  lapsedSessions,
  liveCounts,
  oneSession,
  openSessions,
  sessionColumns,
  type SessionFilter,
  sessionTypes,
} from './demo-sessions.queries.js';
import {
  durationSeconds,
  type End,
  endOf,
  expiry,
  lapse,
  type LiveCaps,
  noRoom,
} from './demo-sessions.rules.js';

/** When to try again where a cap is reached: a session may end at any moment. */
const RETRY_AFTER = MINUTE;

/** Demo sessions as long as they live, and their end: by a clock, by their owner, or because access ended. */
@Injectable()
export class DemoSessionsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly lists: Lists,
    private readonly audit: AuditService,
    private readonly usage: UsageService,
  ) {}

  /** Returns a page of demo sessions: a client's own, or of everybody. */
  async list(query: DemoSessionQuery, me: Principal): Promise<Page<DemoSessionDto>> {
    const { clientId, demoId, live } = query;
    const now = this.clock.now();
    const page = await this.lists.page<DemoSession>(
      {
        select: sessionColumns,
        from: '"demo_sessions" s',
        where: [
          me.kind === 'client' && 's."client_id" = :owner',
          clientId !== undefined && 's."client_id" = :clientId',
          demoId !== undefined && 's."demo_id" = :demoId',
          live !== undefined && (live ? isLive : `NOT (${isLive})`),
        ],
        parameters: { owner: me.id, clientId, demoId, now },
        types: sessionTypes,
        id: 's."id"',
        sorts: { openedAt: { expression: 's."opened_at"', kind: 'instant' } },
        defaultSort: '-openedAt',
      },
      query,
    );
    return { ...page, items: page.items.map((session) => toDemoSessionDto(session, now)) };
  }

  /** Returns all demo sessions of a client, the oldest first. */
  async ofClient(clientId: string): Promise<DemoSessionDto[]> {
    const now = this.clock.now();
    const sessions = await this.uow.query<DemoSession>(
      `SELECT ${sessionColumns} FROM "demo_sessions" s WHERE s."client_id" = :clientId ORDER BY s."opened_at", s."id"`,
      { clientId },
      sessionTypes,
    );
    return sessions.map((session) => toDemoSessionDto(session, now));
  }

  /** Returns a demo session. @throws Problem `not-found`, also of another client's */
  async get(id: string, me: Principal): Promise<DemoSessionDto> {
    const now = this.clock.now();
    return toDemoSessionDto(visible(await this.uow.get(oneSession, { id }), me), now);
  }

  /**
   * Notes that a client's session is alive; the first time activates it.
   * @throws Problem `not-found`, `conflict` when it has ended
   */
  async heartbeat(id: string, me: Principal): Promise<void> {
    const at = this.clock.now();
    const parameters = { id, clientId: me.id, now: at };
    if ((await this.uow.execute(heartbeat, parameters)) > 0) return;
    const session = visible(await this.uow.get(oneSession, { id }), me);
    if (endOf(session, at)) throw ended();
    // Else another one was first, or the session has just been ended.
    if ((await this.activate(session, at)) || (await this.uow.execute(heartbeat, parameters)) > 0) return;
    throw ended();
  }

  /** Notes a session's first sign of life; false when it had one before, or has ended. */
  activate(
    session: Pick<DemoSession, 'id' | 'clientId' | 'demoId' | 'openedAt'>,
    at: Date,
  ): Promise<boolean> {
    const activating = async () => {
      const { id, clientId } = session;
      if ((await this.uow.execute(activation, { id, clientId, now: at })) === 0) return false;
      await this.usage.record([{ kind: 'activated', at, session }]);
      return true;
    };
    return this.uow.run(activating, { brief: true });
  }

  /** Ends a session; one that has ended stays as it is. @throws Problem `not-found`, also of another client's */
  close(id: string, me: Principal): Promise<DemoSessionDto> {
    const closing = async () => {
      const at = this.clock.now();
      const session = visible(await this.uow.get(heldSession, { id }), me);
      if (endOf(session, at)) return toDemoSessionDto(session, at);
      const end = endNow(session, 'closed', at);
      await this.usage.record(await this.writeEnds([{ session, end }]));
      return toDemoSessionDto({ ...session, ...end }, at);
    };
    return this.uow.run(closing, { brief: true });
  }

  /**
   * Writes a session that was allowed, in the unit that allowed it and has the turn `opening`, and the ends of the
   * client's sessions that a clock has ended: of a client's sessions of one demo only one may stand as open.
   * @throws Problem `too-many-requests` where a cap is reached
   */
  async start(session: DemoSession, caps: LiveCaps): Promise<void> {
    const { id, clientId, demoId, openedAt, expiresAt } = session;
    const open = await this.uow.query<DemoSession>(openSessions({ clientId }), { clientId }, sessionTypes);
    const lapsed = open.flatMap((other) => {
      const end = endOf(other, openedAt);
      return end ? [{ session: other, end }] : [];
    });
    const live = await this.uow.get(liveCounts, { demoId, now: openedAt });
    const refused = noRoom({ client: open.length - lapsed.length, ...live! }, caps);
    if (refused) throw tooManyRequests(refused, RETRY_AFTER);
    this.audit.record({
      action: 'demo-session.opened',
      entityType: 'demo-session',
      entityId: id,
      after: { clientId, demoId, expiresAt },
    });
    const usages = await this.writeEnds(lapsed);
    await this.uow.execute(addSession, { ...session });
    await this.usage.record([...usages, { kind: 'opened', at: openedAt, session }]);
  }

  /**
   * Ends a client's or a demo's live sessions, in the unit of work of the change that forbids them. Call it after that
   * change was written and its audit entry recorded: an opening that waits for the change then finds it, and the entry
   * is named by the change.
   */
  async endLive(filter: SessionFilter, reason: DemoSessionEndReason, at: Date): Promise<void> {
    const sessions = await this.uow.query<DemoSession>(openSessions(filter), filter, sessionTypes);
    await this.usage.record(
      await this.writeEnds(sessions.map((session) => ({ session, end: endNow(session, reason, at) }))),
    );
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
    await this.usage.record(await this.writeEnds(ended));
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
      await this.usage.record(
        await this.writeEnds(sessions.map((session) => ({ session, end: endOf(session, at)! }))),
      );
      return sessions.length;
    });
  }

  private async limit(session: DemoSession, expiresAt: Date): Promise<void> {
    const lapsesAt = lapse({ ...session, expiresAt });
    await this.uow.manager.update(DemoSession, { id: session.id }, { expiresAt, lapsesAt });
    this.audit.record({
      action: 'demo-session.limited',
      entityType: 'demo-session',
      entityId: session.id,
      before: { expiresAt: session.expiresAt },
      after: { expiresAt },
    });
  }

  /** @returns the usage of these ends, to be recorded with what else the unit has */
  private async writeEnds(endings: readonly Ending[]): Promise<Usage[]> {
    for (const { session, end } of endings) {
      await this.uow.manager.update(DemoSession, { id: session.id }, end);
      this.audit.record({
        action: end.endReason === 'closed' ? 'demo-session.closed' : 'demo-session.ended',
        entityType: 'demo-session',
        entityId: session.id,
        after: { ...end },
      });
    }
    return endings.map(({ session, end }) => ({
      kind: 'ended',
      at: end.endedAt,
      session,
      durationSeconds: durationSeconds(session.openedAt, end.endedAt),
    }));
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

function visible(session: DemoSession | undefined, me: Principal): DemoSession {
  if (!session || (me.kind === 'client' && session.clientId !== me.id)) throw notFound();
  return session;
}

function ended(): Problem {
  return conflict('The demo session has ended.');
}
