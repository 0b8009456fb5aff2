import { Injectable } from '@nestjs/common';
import { IsNull, MoreThan, Not } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { after, Clock, DAY, earliest, MINUTE } from '../common/clock.js';
import { digest, newId, newSecret } from '../common/ids.js';
import { andThen, type MaybePromise } from '../common/maybe-promise.js';
import { notFound, Problem } from '../common/problem.js';
import { requestContext } from '../common/request-context.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { settingList } from '../settings/setting-list.js';
import { SettingsService } from '../settings/settings.service.js';
import type { ClientPrincipal, UserPrincipal } from './access.js';
import { type AccessWindow, type AccountRef, clientStatus } from './accounts.js';
import { sessionById, type SessionRow } from './auth.queries.js';
import { idColumns, idWhere } from './credentials.service.js';
import { RefreshToken, Session, type SessionEndReason } from './session.entity.js';
import { TokensService } from './tokens.service.js';

/** What a signed-in account holds. */
export interface IssuedTokens {
  accessToken: string;
  refreshToken: string;
  tokenType: 'Bearer';
  /** Seconds that the access token lives. */
  expiresIn: number;
}

/** How far the clocks of two replicas may be apart. */
const CLOCK_SKEW = MINUTE;

/** Sessions: one a sign-in, checked in the database on every request. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly settings: SettingsService,
    private readonly tokens: TokensService,
    private readonly audit: AuditService,
  ) {}

  /** Begins a session. Inside a unit of work. */
  async begin(account: AccountRef): Promise<{ sessionId: string; tokens: IssuedTokens }> {
    const now = this.clock.now();
    const absoluteExpiresAt = after(now, (await this.settings.get('session.absoluteDays')) * DAY);
    const { ip, userAgent } = requestContext();
    const sessionId = newId();
    const expiresAt = await this.refreshExpiry(now, absoluteExpiresAt);
    await this.uow.manager.insert(Session, {
      id: sessionId,
      ...idColumns(account),
      ip,
      userAgent: userAgent?.slice(0, 400) ?? null,
      createdAt: now,
      lastUsedAt: now,
      expiresAt,
      absoluteExpiresAt,
      endedAt: null,
      endReason: null,
    });
    return { sessionId, tokens: await this.issue(account, sessionId, expiresAt) };
  }

  /**
   * Returns who a session belongs to and what that account is now, or undefined when the session or the account has
   * ended, or the client was revoked.
   */
  principal(sessionId: string): MaybePromise<UserPrincipal | ClientPrincipal | undefined> {
    return andThen(this.uow.get(sessionById, { sessionId }), (row) => this.principalOf(row, sessionId));
  }

  private principalOf(
    row: SessionRow | undefined,
    sessionId: string,
  ): UserPrincipal | ClientPrincipal | undefined {
    const now = this.clock.now();
    if (!row || row.endedAt !== null || row.expiresAt <= now) return undefined;
    // The clock was put back: the session would live longer than it was given.
    if (row.lastUsedAt > after(now, CLOCK_SKEW)) return undefined;
    if (row.userId !== null) {
      if (row.role === null || row.removedAt !== null) return undefined;
      const isDemanded = row.requireTotp ?? settingList['auth.requireTotp'].default;
      const mustEnrol = isDemanded && !row.hasSecondFactor;
      return { kind: 'user', id: row.userId, sessionId, role: row.role, mustEnrol };
    }
    if (row.clientId === null || row.erasedAt !== null || row.accessStartsAt === null) return undefined;
    const status = clientStatus(row as AccessWindow, now);
    return status === 'revoked' ? undefined : { kind: 'client', id: row.clientId, sessionId, status };
  }

  /**
   * Exchanges a refresh token for new tokens. A token that was used before ends its whole session (RFC 9700, 4.14.2).
   * @returns the principal and its tokens
   * @throws Problem `unauthenticated` for a used, expired or strange token, or an ended session
   */
  async refresh(
    refreshToken: string,
  ): Promise<{ principal: UserPrincipal | ClientPrincipal; tokens: IssuedTokens }> {
    const renewed = await this.uow.run(async (manager) => {
      const tokenHash = digest(refreshToken);
      const now = this.clock.now();
      const { affected } = await manager.update(
        RefreshToken,
        { tokenHash, usedAt: IsNull(), expiresAt: MoreThan(now) },
        { usedAt: now },
      );
      const token = await manager.findOneBy(RefreshToken, { tokenHash });
      if (!token) return undefined;
      const principal = await this.principal(token.sessionId);
      if (affected !== 1) {
        // Used before, not merely expired: somebody else may hold the session.
        if (token.usedAt !== null && principal) await this.endReused(token.sessionId, principal);
        return undefined;
      }
      if (!principal) return undefined;
      const session = await manager.findOneByOrFail(Session, { id: token.sessionId });
      const expiresAt = await this.refreshExpiry(now, session.absoluteExpiresAt);
      await manager.update(Session, { id: session.id }, { lastUsedAt: now, expiresAt });
      return { principal, tokens: await this.issue(principal, session.id, expiresAt) };
    });
    if (!renewed)
      throw new Problem('unauthenticated', 'The refresh token is not valid (any more). Sign in again.');
    return renewed;
  }

  /** Ends every live session of an account, but for `except`. Inside a unit of work. */
  async endAll(
    account: AccountRef,
    reason: SessionEndReason,
    options: { except?: string } = {},
  ): Promise<void> {
    await this.uow.manager.update(
      Session,
      { ...idWhere(account), endedAt: IsNull(), ...(options.except && { id: Not(options.except) }) },
      { endedAt: this.clock.now(), endReason: reason },
    );
  }

  /** Removes every session of an erased account: it holds addresses and browsers of a person. Inside a unit of work. */
  async removeAll(account: AccountRef): Promise<void> {
    await this.uow.manager.delete(Session, idWhere(account));
  }

  /** Removes the sessions that were over before an instant. Inside a unit of work. @returns how many */
  removeOver(before: Date): Promise<number> {
    return this.uow.execute(`DELETE FROM "sessions" WHERE COALESCE("ended_at", "expires_at") < :before`, {
      before,
    });
  }

  /** Signs the caller out of the session at hand. */
  async signOut(me: UserPrincipal | ClientPrincipal): Promise<void> {
    await this.uow.run(async () => {
      const ended = await this.endOne(me, me.sessionId, 'signed-out');
      if (ended)
        this.audit.record({ action: 'auth.signed-out', entityType: 'session', entityId: me.sessionId });
    });
  }

  /** Returns the live sessions of an account, the newest first. */
  list(account: AccountRef): Promise<Session[]> {
    return this.uow.manager.find(Session, {
      where: { ...idWhere(account), endedAt: IsNull(), expiresAt: MoreThan(this.clock.now()) },
      order: { createdAt: 'DESC', id: 'DESC' },
    });
  }

  /**
   * Ends one of the caller's own sessions.
   * @throws Problem `not-found` when there is none such, or it is somebody else's
   */
  async end(me: UserPrincipal | ClientPrincipal, sessionId: string): Promise<void> {
    await this.uow.run(async () => {
      if (!(await this.endOne(me, sessionId, 'ended-by-owner'))) throw notFound();
      this.audit.record({ action: 'auth.session-ended', entityType: 'session', entityId: sessionId });
    });
  }

  private async endOne(account: AccountRef, sessionId: string, reason: SessionEndReason): Promise<boolean> {
    const now = this.clock.now();
    const { affected } = await this.uow.manager.update(
      Session,
      { ...idWhere(account), id: sessionId, endedAt: IsNull(), expiresAt: MoreThan(now) },
      { endedAt: now, endReason: reason },
    );
    return affected === 1;
  }

  private async endReused(sessionId: string, principal: UserPrincipal | ClientPrincipal): Promise<void> {
    if (!(await this.endOne(principal, sessionId, 'refresh-reused'))) return;
    const { kind, id } = principal;
    this.audit.record(
      { action: 'auth.refresh-reused', entityType: 'session', entityId: sessionId },
      { kind, id },
    );
  }

  private async refreshExpiry(now: Date, absoluteExpiresAt: Date): Promise<Date> {
    return earliest(after(now, (await this.settings.get('session.refreshDays')) * DAY), absoluteExpiresAt);
  }

  private async issue(account: AccountRef, sessionId: string, expiresAt: Date): Promise<IssuedTokens> {
    const minutes = await this.settings.get('session.accessMinutes');
    const refreshToken = newSecret();
    await this.uow.manager.insert(RefreshToken, {
      tokenHash: digest(refreshToken),
      sessionId,
      issuedAt: this.clock.now(),
      expiresAt,
      usedAt: null,
    });
    return {
      accessToken: this.tokens.signAccessToken(account, sessionId, minutes),
      refreshToken,
      tokenType: 'Bearer',
      expiresIn: minutes * 60,
    };
  }
}
