import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { AccountTokensService } from '../auth/account-tokens.service.js';
import { CredentialsService } from '../auth/credentials.service.js';
import { PasswordsService } from '../auth/passwords.service.js';
import { SessionsService } from '../auth/sessions.service.js';
import { AuditService } from '../audit/audit.service.js';
import { changes, shown } from '../audit/changes.js';
import { Clock } from '../common/clock.js';
import { requireMatch } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { Lists, type Page } from '../common/pagination.js';
import { searchable } from '../common/text.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { DemoSessionsService } from '../demos/demo-sessions.service.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { NotificationsService } from '../notifications/notifications.service.js';
import { RequestErasureService } from '../requests/request-erasure.service.js';
import { SettingsService } from '../settings/settings.service.js';
import type { Client } from './client.entity.js';
import {
  type ClientDto,
  type ClientQuery,
  type NewClientInput,
  type NewClientDto,
  toClientDto,
  type ClientPatch,
} from './clients.dto.js';
import { clientList } from './clients.queries.js';
import { newWindow, type WindowLimits } from './clients.rules.js';
import { ClientStore } from './clients.store.js';
import { GrantsService } from './grants.service.js';

/** How many of an import are made before others get a turn. */
const CLIENTS_A_TURN = 250;

/** Clients as records: made, read, edited, erased. Their access window is in client-access.service.ts. */
@Injectable()
export class ClientsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly lists: Lists,
    private readonly settings: SettingsService,
    private readonly idempotency: IdempotencyService,
    private readonly audit: AuditService,
    private readonly credentials: CredentialsService,
    private readonly passwords: PasswordsService,
    private readonly tokens: AccountTokensService,
    private readonly sessions: SessionsService,
    private readonly clients: ClientStore,
    private readonly grants: GrantsService,
    private readonly demoSessions: DemoSessionsService,
    private readonly notifications: NotificationsService,
    private readonly requests: RequestErasureService,
  ) {}

  /**
   * Makes a client, with a password or an invitation, and the grants asked for.
   * @throws Problem 400 for a window that is none or beyond the ceiling, a weak password, an unknown demo; 409 for an
   *   e-mail that is taken or a retired demo
   */
  async create(body: NewClientInput): Promise<NewClientDto> {
    const { name, email, company, password, demoIds = [] } = body;
    const passwordHash =
      password === undefined
        ? null
        : await this.passwords.hashNew(password, { owner: 'client', terms: [name, email, company] });
    return this.idempotency.run(async () => {
      const now = this.clock.now();
      const client = newClient(body, await this.windowLimits(), now);
      const account = { kind: 'client', id: client.id } as const;
      await this.clients.insert(client);
      await this.credentials.add(account, email, passwordHash);
      this.noteCreated(client);
      await this.grants.grantAll(client, demoIds, now);
      const invitation = passwordHash === null ? await this.tokens.issueInvitation(account) : undefined;
      return { ...toClientDto(client, now), ...(invitation && { invitation }) };
    }, ['invitation']);
  }

  /**
   * Makes many clients at once: all or none, with one audit entry that names all. Those without a password are invited by
   * mail.
   * @param bodies without `demoIds`; a password is given as its hash
   * @throws Problem 409 when one of the e-mails is taken
   */
  async createAll(bodies: (NewClientInput & { passwordHash: string | null })[]): Promise<void> {
    const limits = await this.windowLimits();
    const now = this.clock.now();
    const imported: Imported[] = [];
    for (const body of bodies) {
      imported.push({ client: newClient(body, limits, now), passwordHash: body.passwordHash });
      if (imported.length % CLIENTS_A_TURN === 0) await nextTurn();
    }
    // Nobody else writes to SQLite meanwhile: nothing but the writing is in here.
    await this.uow.run(async () => {
      this.audit.record({
        action: 'client.imported',
        entityType: 'client',
        entityId: null,
        after: { count: bodies.length },
      });
      for (let start = 0; start < bodies.length; start += CLIENTS_A_TURN) {
        await this.insertSome(imported.slice(start, start + CLIENTS_A_TURN));
        await nextTurn();
      }
    });
  }

  private async insertSome(imported: readonly Imported[]): Promise<void> {
    await this.clients.insertAll(imported.map(({ client }) => client));
    await this.credentials.addAll(
      imported.map(({ client: { id, email }, passwordHash }) => {
        return { account: { kind: 'client', id }, email: email!, passwordHash };
      }),
    );
    const invited = imported.filter(({ passwordHash }) => passwordHash === null);
    await this.tokens.inviteAll(invited.map(({ client: { id } }) => ({ kind: 'client', id })));
    for (const { client } of imported) this.noteCreated(client);
  }

  /** Reads a page of clients. */
  async list(query: ClientQuery): Promise<Page<ClientDto>> {
    const now = this.clock.now();
    const page = await this.lists.page(clientList(query, now), query);
    return { ...page, items: page.items.map((client) => toClientDto(client, now)) };
  }

  /**
   * Reads a client.
   * @throws Problem `not-found`
   */
  async get(id: string): Promise<ClientDto> {
    return toClientDto(await this.clients.get(id), this.clock.now());
  }

  /**
   * Edits a client.
   * @throws Problem 404; 428 or 412 by If-Match; 409 for an e-mail that is taken
   */
  async update(id: string, body: ClientPatch, ifMatch: string | undefined): Promise<ClientDto> {
    return this.uow.run(async () => {
      const client = await this.clients.lock(id);
      requireMatch(client.version, ifMatch);
      const now = this.clock.now();
      const { before, after } = changes(client, body) ?? {};
      if (!after) return toClientDto(client, now);
      const searchText = searchTextOf({ ...client, ...body });
      const changed = await this.clients.change(client, { ...body, searchText }, now);
      this.audit.record({ action: 'client.updated', entityType: 'client', entityId: id, before, after });
      if (after.email !== undefined) {
        const account = { kind: 'client', id } as const;
        await this.credentials.changeEmail(account, body.email!);
        // Links went to the old address, which may be somebody else's.
        await this.tokens.removeAll(account);
      }
      return toClientDto(changed, now);
    });
  }

  /**
   * Erases the person: what is theirs goes, the empty row and the usage stay. The e-mail is free again.
   * @throws Problem 404; 428 or 412 by If-Match
   */
  async erase(id: string, ifMatch: string | undefined): Promise<void> {
    await this.uow.run(async () => {
      const client = await this.clients.lock(id);
      requireMatch(client.version, ifMatch);
      const now = this.clock.now();
      const nobody = {
        name: '',
        email: null,
        company: null,
        notes: null,
        revokeReason: null,
        searchText: '',
      };
      await this.clients.change(client, { ...nobody, erasedAt: now }, now);
      this.audit.record({
        action: 'client.erased',
        entityType: 'client',
        entityId: id,
        before: shown(client, ['name', 'email', 'company', 'notes']),
      });
      const account = { kind: 'client', id } as const;
      await this.credentials.remove(account);
      await this.tokens.removeAll(account);
      await this.sessions.removeAll(account);
      await this.idempotency.forget(id);
      await this.notifications.removeAll(account);
      await this.demoSessions.endLive({ clientId: id }, 'client-erased', now);
      await this.grants.removeAll(id, now);
      await this.requests.forget(id, now);
    });
  }

  private noteCreated(client: Client): void {
    this.audit.record({
      action: 'client.created',
      entityType: 'client',
      entityId: client.id,
      after: shown(client, [
        'name',
        'email',
        'company',
        'notes',
        'language',
        'accessStartsAt',
        'accessEndsAt',
      ]),
    });
  }

  /** Returns the settings that bind the window of a new client. */
  async windowLimits(): Promise<WindowLimits> {
    return {
      defaultDays: await this.settings.get('access.defaultDays'),
      maxDaysAhead: await this.settings.get('access.maxDaysAhead'),
    };
  }
}

interface Imported {
  readonly client: Client;
  readonly passwordHash: string | null;
}

/** @throws Problem as `newWindow` */
function newClient(body: NewClientInput, limits: WindowLimits, now: Date): Client {
  const { name, email, company = null, notes = null, language = 'en' } = body;
  return {
    id: newId(),
    name,
    email,
    company,
    notes,
    language,
    searchText: searchTextOf({ name, email, company }),
    ...newWindow(body, limits, now),
    revokedAt: null,
    revokeReason: null,
    version: 1,
    createdAt: now,
    updatedAt: now,
    erasedAt: null,
  };
}

function searchTextOf({ name, email, company }: Pick<Client, 'name' | 'email' | 'company'>): string {
  return searchable(1000, name, email, company);
}
