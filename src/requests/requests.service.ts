import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { shown } from '../audit/changes.js';
import type { ClientPrincipal, Principal } from '../auth/access.js';
import { clientStatus } from '../auth/accounts.js';
import { ClientStore } from '../clients/clients.store.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { Lists, type Page } from '../common/pagination.js';
import { conflict, invalid, notFound } from '../common/problem.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { NotificationsService } from '../notifications/notifications.service.js';
import { SettingsService } from '../settings/settings.service.js';
import { AccessRequest, AccessRequestItem } from './request.entity.js';
import { RequestDecisionsService } from './request-decisions.service.js';
import { type NewRequestInput, type RequestDto, type RequestQuery, toRequestDto } from './requests.dto.js';
import {
  oneRequest,
  pendingRequest,
  publishedDemos,
  requestColumns,
  requestsFrom,
  requestTypes,
} from './requests.queries.js';
import { type Asked, assertMayAsk, assertWellAsked } from './requests.rules.js';

/** What clients ask for. What is decided is in request-decisions.service.ts. */
@Injectable()
export class RequestsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly lists: Lists,
    private readonly idempotency: IdempotencyService,
    private readonly audit: AuditService,
    private readonly settings: SettingsService,
    private readonly notifications: NotificationsService,
    private readonly clients: ClientStore,
    private readonly decisions: RequestDecisionsService,
  ) {}

  /**
   * Asks for more time or more demos; a renewal may be approved at once, by the settings.
   * @throws Problem 400 naming `days` or `demoIds`; 403 for demos when the access has ended; 409 when one of the kind is
   *   pending
   */
  async create(me: ClientPrincipal, input: NewRequestInput): Promise<RequestDto> {
    assertMayAsk(input.kind, me.status);
    assertWellAsked(input, await this.settings.get('renewal.maxDays'));
    return this.idempotency.run(async () => {
      if (input.demoIds) await this.assertInCatalog(input.demoIds);
      return this.ask(me.id, input);
    });
  }

  /**
   * Adds a request, well asked. Inside a unit of work.
   * @throws Problem 403 when the client's access does not allow it any more; 409 when one of the kind is pending
   */
  async ask(clientId: string, asked: Asked & { message?: string | null }): Promise<RequestDto> {
    const { kind, days = null, demoIds = [], message = null } = asked;
    // Whatever happens to a client's requests waits here for each other.
    const client = await this.clients.lock(clientId);
    const now = this.clock.now();
    assertMayAsk(kind, clientStatus(client, now));
    if (await this.uow.get(pendingRequest, { clientId, kind })) {
      throw conflict(`A request of kind ${kind} is pending already. Cancel it to ask anew.`);
    }
    const request: AccessRequest = {
      id: newId(),
      clientId,
      kind,
      status: 'pending',
      days,
      message,
      note: null,
      decidedByKind: null,
      decidedById: null,
      decidedAt: null,
      version: 1,
      createdAt: now,
      updatedAt: now,
    };
    await this.uow.manager.insert(AccessRequest, request);
    const items = demoIds.map((demoId) => ({ requestId: request.id, demoId, approved: null }));
    if (items.length > 0) await this.uow.manager.insert(AccessRequestItem, items);
    this.audit.record({
      action: 'request.created',
      entityType: 'request',
      entityId: request.id,
      after: {
        ...shown(request, ['clientId', 'kind', ...(days === null ? [] : (['days'] as const)), 'message']),
        ...(items.length > 0 && { demoIds }),
      },
    });
    await this.decisions.approveIfItself(client, request.id, days);
    const made = await this.read(request.id, 'client');
    // What is decided already needs nobody.
    if (made.status === 'pending') await this.tellAdministrators(made);
    return made;
  }

  /** Returns a page of the requests that `me` may see: a client its own. */
  async list({ status, kind, clientId, ...query }: RequestQuery, me: Principal): Promise<Page<RequestDto>> {
    const page = await this.lists.page(
      {
        select: requestColumns[this.uow.dialect],
        from: requestsFrom,
        where: [
          me.kind === 'client' && 'r."client_id" = :me',
          clientId !== undefined && 'r."client_id" = :clientId',
          status && 'r."status" = :status',
          kind && 'r."kind" = :kind',
        ],
        parameters: { me: me.id, clientId, status, kind },
        types: requestTypes,
        id: 'r."id"',
        sorts: {
          createdAt: { expression: 'r."created_at"', kind: 'instant' },
          updatedAt: { expression: 'r."updated_at"', kind: 'instant' },
        },
        defaultSort: '-createdAt',
      },
      query,
    );
    return { ...page, items: page.items.map((row) => toRequestDto(row, me.kind)) };
  }

  /**
   * Reads a request.
   * @throws Problem `not-found`, for a client also when it is not its own
   */
  async get(id: string, me: Principal): Promise<RequestDto> {
    const request = await this.read(id, me.kind);
    if (me.kind === 'client' && request.clientId !== me.id) throw notFound();
    return request;
  }

  private async read(id: string, reader: Principal['kind']): Promise<RequestDto> {
    const row = await this.uow.get(oneRequest, { id });
    if (!row) throw notFound();
    return toRequestDto(row, reader);
  }

  private tellAdministrators({ id, clientId, kind, days, items }: RequestDto): Promise<void> {
    return this.notifications.tellAdministrators('request-received', {
      requestId: id,
      clientId,
      request: kind,
      ...(days === null ? { demoTitles: items.map(({ title }) => title) } : { days }),
    });
  }

  private async assertInCatalog(ids: string[]): Promise<void> {
    const known = await this.uow.query<{ id: string }>(publishedDemos, { ids });
    const unknown = ids.find((id) => !known.some((demo) => demo.id === id));
    if (unknown !== undefined) throw invalid('demoIds', `there is no demo ${unknown}`);
  }
}
