import { Injectable } from '@nestjs/common';
import { In, Not } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientPrincipal, Principal } from '../auth/access.js';
import { ClientAccessService } from '../clients/client-access.service.js';
import { ClientStore } from '../clients/clients.store.js';
import { GrantsService } from '../clients/grants.service.js';
import { Clock } from '../common/clock.js';
import { honourMatch, versionMismatch } from '../common/etag.js';
import { invalid, notFound } from '../common/problem.js';
import { requestContext, withRequestContext } from '../common/request-context.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import type { NotificationParams } from '../notifications/notification-params.js';
import { NotificationsService } from '../notifications/notifications.service.js';
import { SettingsService } from '../settings/settings.service.js';
import { AccessRequest, AccessRequestItem, type RequestStatus } from './request.entity.js';
import { type ApproveInput, type RequestDto, type RequestRow, toRequestDto } from './requests.dto.js';
import { oneRequest, selfApproved } from './requests.queries.js';
import { approvedOf, approvesItself, assertPending } from './requests.rules.js';

type LockedClient = Awaited<ReturnType<ClientStore['lock']>>;

/** A request that is pending and that nobody else decides until the unit of work ends. */
interface Held {
  request: RequestRow;
  client: LockedClient;
  now: Date;
}

/** What is decided about what a client asked for, once: of two who decide at the same time the second is told. */
@Injectable()
export class RequestDecisionsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly audit: AuditService,
    private readonly settings: SettingsService,
    private readonly notifications: NotificationsService,
    private readonly clients: ClientStore,
    private readonly access: ClientAccessService,
    private readonly grants: GrantsService,
  ) {}

  /**
   * Approves a request: renews the access by the days asked for or those given, or grants the approved demos, all in one
   * unit of work.
   * @throws Problem 404; 412 by If-Match; 409 when it is no longer pending, the client is revoked (renewal) or a demo is
   *   retired; 400 naming `days` or `items`
   */
  approve(id: string, input: ApproveInput, ifMatch: string | undefined, me: Principal): Promise<RequestDto> {
    return this.uow.run(async () => {
      const held = await this.hold(id, ifMatch);
      await this.grantAsked(held, input, 'request.approved');
      return this.read(id, me.kind);
    });
  }

  /**
   * Refuses a request, and says why.
   * @throws Problem 404; 412 by If-Match; 409 when it is no longer pending
   */
  reject(id: string, note: string, ifMatch: string | undefined, me: Principal): Promise<RequestDto> {
    return this.uow.run(async () => {
      const held = await this.hold(id, ifMatch);
      await this.settle(held, 'rejected', 'request.rejected', { note });
      await this.uow.manager.update(AccessRequestItem, { requestId: id }, { approved: false });
      await this.tell(held.request, { decision: 'rejected', note });
      return this.read(id, me.kind);
    });
  }

  /**
   * Takes a client's own request back.
   * @throws Problem 404, also when it is another's; 412 by If-Match; 409 when it is no longer pending
   */
  cancel(id: string, ifMatch: string | undefined, me: ClientPrincipal): Promise<RequestDto> {
    return this.uow.run(async () => {
      const held = await this.hold(id, ifMatch, me.id);
      await this.settle(held, 'cancelled', 'request.cancelled');
      return this.read(id, me.kind);
    });
  }

  /**
   * Approves a renewal in the product's own name, where the settings say so and the ceiling leaves room; else it waits
   * for a person. Inside the unit of work that holds the client and adds the request.
   */
  async approveIfItself(client: LockedClient, id: string, days: number | null): Promise<void> {
    if (days === null) return;
    const setting = {
      days: await this.settings.get('renewal.autoApproveDays'),
      times: await this.settings.get('renewal.autoApproveTimes'),
    };
    const done = await this.uow.get(selfApproved, { clientId: client.id });
    if (!approvesItself(days, done?.times ?? 0, setting)) return;
    if (!(await this.access.isWithinCeiling(client, days))) return;
    const request = await this.row(id);
    await withRequestContext({ ...requestContext(), actor: { kind: 'system', id: null } }, () =>
      this.grantAsked({ request, client, now: this.clock.now() }, {}, 'request.auto-approved'),
    );
  }

  private async grantAsked(
    held: Held,
    { days, items, note = null }: ApproveInput,
    action: string,
  ): Promise<void> {
    const { request, client, now } = held;
    const { id: requestId, clientId } = request;
    if (request.kind === 'renewal') {
      if (items) throw invalid('items', 'a renewal asks for no demos');
      const given = days ?? request.days!;
      await this.settle(held, 'approved', action, { note, days: given });
      const { accessEndsAt } = await this.access.renew(clientId, { days: given }, undefined);
      await this.tell(request, { decision: 'approved', accessEndsAt, note });
      return;
    }
    if (days !== undefined) throw invalid('days', 'a request of kind access asks for no time');
    const approved = approvedOf(request.items, items);
    await this.settle(held, 'approved', action, { note, approved });
    const { manager } = this.uow;
    await manager.update(AccessRequestItem, { requestId, demoId: In(approved) }, { approved: true });
    await manager.update(AccessRequestItem, { requestId, demoId: Not(In(approved)) }, { approved: false });
    await this.grants.grantAll(client, approved, now);
    const titles = (wanted: boolean) =>
      request.items.flatMap(({ demoId, title }) => (approved.includes(demoId) === wanted ? [title] : []));
    const refusedTitles = titles(false);
    const decision = refusedTitles.length > 0 ? 'partly-approved' : 'approved';
    await this.tell(request, { decision, demoTitles: titles(true), refusedTitles, note });
  }

  private async tell(
    { id: requestId, clientId, kind: request }: RequestRow,
    told: Omit<NotificationParams['request-decided'], 'requestId' | 'request'>,
  ): Promise<void> {
    const params = { requestId, request, ...told };
    await this.notifications.tell({ kind: 'client', id: clientId }, 'request-decided', params);
  }

  /** Writes a decision down: its author is who makes the call. */
  private async settle(
    { request, now }: Held,
    status: RequestStatus,
    action: string,
    decision: { note?: string | null; days?: number; approved?: string[] } = {},
  ): Promise<void> {
    const { id, version } = request;
    const { note = null, days = request.days, approved } = decision;
    const { kind, id: decidedById } = requestContext().actor;
    const { affected } = await this.uow.manager.update(
      AccessRequest,
      { id, version },
      {
        status,
        days,
        note,
        decidedByKind: kind === 'anonymous' ? 'system' : kind,
        decidedById,
        decidedAt: now,
        version: version + 1,
        updatedAt: now,
      },
    );
    if (affected !== 1) throw versionMismatch();
    const moved = days !== request.days;
    this.audit.record({
      action,
      entityType: 'request',
      entityId: id,
      before: { status: request.status, ...(moved && { days: request.days }) },
      after: { status, ...(moved && { days }), ...(approved && { approved }) },
      ...(note !== null && { reason: note }),
    });
  }

  /** Reads a pending request for its decision. The client's row is what every change of its requests waits for. */
  private async hold(id: string, ifMatch: string | undefined, ownerId?: string): Promise<Held> {
    const seen = decidable(await this.row(id), ifMatch, ownerId);
    const client = await this.clients.lock(seen.clientId);
    const request = decidable(await this.row(id), ifMatch, ownerId);
    return { request, client, now: this.clock.now() };
  }

  private async read(id: string, reader: Principal['kind']): Promise<RequestDto> {
    return toRequestDto(await this.row(id), reader);
  }

  private async row(id: string): Promise<RequestRow> {
    const row = await this.uow.get(oneRequest, { id });
    if (!row) throw notFound();
    return row;
  }
}

/** @throws Problem 404, 412 or 409, in this order */
function decidable(request: RequestRow, ifMatch: string | undefined, ownerId?: string): RequestRow {
  if (ownerId !== undefined && request.clientId !== ownerId) throw notFound();
  honourMatch(request.version, ifMatch);
  assertPending(request.status);
  return request;
}
