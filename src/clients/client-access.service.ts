import { Injectable } from '@nestjs/common';
import { AccountTokensService } from '../auth/account-tokens.service.js';
import { SessionsService } from '../auth/sessions.service.js';
import type { InvitationDto } from '../auth/users.dto.js';
import { AuditService } from '../audit/audit.service.js';
import { changes } from '../audit/changes.js';
import { Clock } from '../common/clock.js';
import { honourMatch } from '../common/etag.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { DemoSessionsService } from '../demos/demo-sessions.service.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { SettingsService } from '../settings/settings.service.js';
import type { Client } from './client.entity.js';
import { type ClientDto, type RenewInput, toClientDto } from './clients.dto.js';
import { assertNotRevoked, isWithinCeiling, renewedEnd, shortenedEnd } from './clients.rules.js';
import { ClientStore } from './clients.store.js';

/** What becomes of a client's access: revoked, reinstated, renewed, shortened, invited again. */
@Injectable()
export class ClientAccessService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly settings: SettingsService,
    private readonly idempotency: IdempotencyService,
    private readonly audit: AuditService,
    private readonly tokens: AccountTokensService,
    private readonly sessions: SessionsService,
    private readonly clients: ClientStore,
    private readonly demoSessions: DemoSessionsService,
  ) {}

  /**
   * Revokes a client's access: it binds the next request. Sessions, single-use links and live demo sessions end in the
   * same unit of work (product.md, Rules). Revoking again changes nothing.
   * @throws Problem 404; 412 by If-Match
   */
  revoke(id: string, reason: string, ifMatch: string | undefined): Promise<ClientDto> {
    return this.act(id, ifMatch, async (client, now) => {
      if (client.revokedAt !== null) return client;
      const revoked = await this.change(
        client,
        { revokedAt: now, revokeReason: reason },
        now,
        'client.revoked',
        reason,
      );
      const account = { kind: 'client', id } as const;
      await this.sessions.endAll(account, 'access-revoked');
      await this.tokens.removeAll(account);
      await this.demoSessions.endLive({ clientId: id }, 'access-revoked', now);
      return revoked;
    });
  }

  /**
   * Takes a revocation back; the window is what it was. Of a client who is not revoked it changes nothing.
   * @throws Problem 404; 412 by If-Match
   */
  reinstate(id: string, ifMatch: string | undefined): Promise<ClientDto> {
    return this.act(id, ifMatch, async (client, now) => {
      if (client.revokedAt === null) return client;
      return this.change(client, { revokedAt: null, revokeReason: null }, now, 'client.reinstated');
    });
  }

  /**
   * Extends the access; grants are kept.
   * @throws Problem 404; 412 by If-Match; 400 and 409 by `renewedEnd`
   */
  renew(id: string, asked: RenewInput, ifMatch: string | undefined): Promise<ClientDto> {
    return this.act(id, ifMatch, async (client, now) => {
      const accessEndsAt = renewedEnd(client, asked, await this.settings.get('access.maxDaysAhead'), now);
      return this.move(client, accessEndsAt, now, 'client.renewed');
    });
  }

  /** Tells whether `days` more would end a client's access at the ceiling `access.maxDaysAhead` or before it. */
  async isWithinCeiling(client: Client, days: number): Promise<boolean> {
    return isWithinCeiling(client, days, await this.settings.get('access.maxDaysAhead'), this.clock.now());
  }

  /**
   * Lets the access end earlier.
   * @throws Problem 404; 412 by If-Match; 400 and 409 by `shortenedEnd`
   */
  shorten(id: string, until: Date, ifMatch: string | undefined): Promise<ClientDto> {
    return this.act(id, ifMatch, (client, now) =>
      this.move(client, shortenedEnd(client, until, now), now, 'client.shortened'),
    );
  }

  /**
   * Issues an invitation; the earlier one is dead.
   * @throws Problem 404; 409 when the client is revoked
   */
  invite(id: string): Promise<InvitationDto> {
    return this.idempotency.run(async () => {
      assertNotRevoked(await this.clients.lock(id));
      this.audit.record({ action: 'client.invited', entityType: 'client', entityId: id });
      return this.tokens.issueInvitation({ kind: 'client', id });
    }, ['token', 'url']);
  }

  /** Runs an action on a client in one unit of work and returns the client as it is then. */
  private act(
    id: string,
    ifMatch: string | undefined,
    work: (client: Client, now: Date) => Promise<Client>,
  ): Promise<ClientDto> {
    return this.uow.run(async () => {
      const client = await this.clients.lock(id);
      honourMatch(client.version, ifMatch);
      const now = this.clock.now();
      return toClientDto(await work(client, now), now);
    });
  }

  /** Moves the end of the access; live demo sessions follow. */
  private async move(client: Client, accessEndsAt: Date, now: Date, action: string): Promise<Client> {
    const moved = await this.change(client, { accessEndsAt }, now, action);
    await this.demoSessions.applyLimits(client.id);
    return moved;
  }

  private async change(
    client: Client,
    patch: Partial<Pick<Client, 'accessEndsAt' | 'revokedAt' | 'revokeReason'>>,
    now: Date,
    action: string,
    reason?: string,
  ): Promise<Client> {
    const changed = await this.clients.change(client, patch, now);
    const { revokeReason: _, ...audited } = patch;
    this.audit.record({
      action,
      entityType: 'client',
      entityId: client.id,
      ...changes(client, audited),
      ...(reason !== undefined && { reason }),
    });
    return changed;
  }
}
