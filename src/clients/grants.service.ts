import { Injectable } from '@nestjs/common';
import { In, IsNull } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { clientStatus } from '../auth/accounts.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { conflict, invalid, notFound } from '../common/problem.js';
import { requestContext } from '../common/request-context.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { DemoSessionsService } from '../demos/demo-sessions.service.js';
import type { Client } from './client.entity.js';
import { accessAt, currentGrants, type GrantableDemo, grantableDemos } from './clients.queries.js';
import { assertGrantWindow, type GrantWindow, isOpen } from './clients.rules.js';
import { ClientStore } from './clients.store.js';
import { Grant } from './grant.entity.js';
import { type AccessAtDto, type GrantDto, type GrantInput, toGrantDto, toGranterDto } from './grants.dto.js';

/** Which client may open which demo, and could when. */
@Injectable()
export class GrantsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly audit: AuditService,
    private readonly clients: ClientStore,
    private readonly demoSessions: DemoSessionsService,
  ) {}

  /**
   * Returns a client's grants, the oldest first.
   * @throws Problem `not-found`
   */
  async list(clientId: string): Promise<GrantDto[]> {
    await this.clients.get(clientId);
    return (await this.uow.all(currentGrants, { clientId })).map(toGrantDto);
  }

  /**
   * Grants a demo, or changes the window of its grant: what is not given is no bound. Live demo sessions follow.
   * @throws Problem 404 for an unknown client or demo; 409 when the demo is retired; 400 naming `startsAt` or `endsAt`
   *   when the window is none or not within the client's
   */
  async set(
    clientId: string,
    demoId: string,
    { startsAt = null, endsAt = null }: GrantInput,
  ): Promise<GrantDto> {
    return this.uow.run(async (manager) => {
      const client = await this.clients.lock(clientId);
      const [demo] = await this.demos([demoId]);
      if (!demo) throw notFound();
      assertNotRetired(demo);
      const window = { startsAt, endsAt };
      assertGrantWindow(window, client);
      const current = await manager.findOneBy(Grant, { clientId, demoId, removedAt: IsNull() });
      if (!current || !sameWindow(current, window)) {
        const now = this.clock.now();
        if (current) await manager.update(Grant, { id: current.id }, { removedAt: now });
        await this.insert(clientId, [demoId], window, now);
        this.record('grant.set', clientId, current ? audited(current) : undefined, { demoId, ...window });
        if (current) await this.demoSessions.applyLimits(clientId);
      }
      return this.read(clientId, demoId);
    });
  }

  /**
   * Grants demos to a client, as long as its access: a grant in a window gives way, one without is left as it is. Inside
   * a unit of work that holds the client or has made it.
   * @throws Problem 400 naming `demoIds` when one is unknown, 409 when one is retired
   */
  async grantAll(client: Client, demoIds: string[], now: Date): Promise<void> {
    if (demoIds.length === 0) return;
    const demos = await this.demos(demoIds);
    if (demos.length < demoIds.length) {
      const unknown = demoIds.find((id) => !demos.some((demo) => demo.id === id));
      throw invalid('demoIds', `there is no demo ${unknown}`);
    }
    demos.forEach(assertNotRetired);
    const window = { startsAt: null, endsAt: null };
    const { manager } = this.uow;
    const current = await manager.findBy(Grant, {
      clientId: client.id,
      demoId: In(demoIds),
      removedAt: IsNull(),
    });
    const narrower = current.filter((grant) => !sameWindow(grant, window));
    const kept = current.filter((grant) => !narrower.includes(grant));
    const fresh = demoIds.filter((id) => !kept.some(({ demoId }) => demoId === id));
    if (fresh.length === 0) return;
    if (narrower.length > 0)
      await manager.update(Grant, { id: In(narrower.map(({ id }) => id)) }, { removedAt: now });
    await this.insert(client.id, fresh, window, now);
    const before = narrower.length > 0 ? { replaced: narrower.map(audited) } : undefined;
    this.record('grant.set', client.id, before, { demoIds: fresh });
    if (narrower.length > 0) await this.demoSessions.applyLimits(client.id);
  }

  /**
   * Takes a grant away; live demo sessions of it end.
   * @throws Problem 404 for an unknown client or demo, or one that is not granted
   */
  async remove(clientId: string, demoId: string): Promise<void> {
    await this.uow.run(async (manager) => {
      await this.clients.lock(clientId);
      const current = await manager.findOneBy(Grant, { clientId, demoId, removedAt: IsNull() });
      if (!current) throw notFound();
      const now = this.clock.now();
      await manager.update(Grant, { id: current.id }, { removedAt: now });
      this.record('grant.removed', clientId, audited(current), undefined);
      await this.demoSessions.endLive({ clientId, demoId }, 'grant-removed', now);
    });
  }

  /** Takes all grants of a client away, who is being erased. Inside that unit of work. */
  async removeAll(clientId: string, now: Date): Promise<void> {
    await this.uow.manager.update(Grant, { clientId, removedAt: IsNull() }, { removedAt: now });
  }

  /**
   * Returns what a client could open at an instant: of the past from history, of one to come as things stand. Before
   * the client existed it is `scheduled`, with no demos.
   * @throws Problem `not-found`
   */
  async accessAt(clientId: string, at: Date = this.clock.now()): Promise<AccessAtDto> {
    const rows = await this.uow.all(accessAt, { clientId, at });
    const [first] = rows;
    if (!first) throw notFound();
    const { accessStartsAt, accessEndsAt, revokedAt } = first;
    if (!accessStartsAt || !accessEndsAt) return { at, status: 'scheduled', demos: [] };
    const window = { accessStartsAt, accessEndsAt, revokedAt };
    return {
      at,
      status: clientStatus(window, at),
      demos: rows.flatMap((row) => {
        const { demoId, startsAt, endsAt, grantedAt } = row;
        if (demoId === null) return [];
        return {
          demoId,
          open: isOpen(window, row, at),
          grantedBy: toGranterDto(row),
          grantedAt,
          startsAt,
          endsAt,
        };
      }),
    };
  }

  private demos(ids: string[]): Promise<GrantableDemo[]> {
    return this.uow.query<GrantableDemo>(grantableDemos, { ids });
  }

  private async insert(clientId: string, demoIds: string[], window: GrantWindow, now: Date): Promise<void> {
    const { kind, id } = requestContext().actor;
    const granter =
      kind === 'user' || kind === 'key'
        ? { grantedByKind: kind, grantedById: id }
        : { grantedByKind: 'system' as const, grantedById: null };
    await this.uow.manager.insert(
      Grant,
      demoIds.map((demoId) => ({
        id: newId(),
        clientId,
        demoId,
        ...window,
        ...granter,
        grantedAt: now,
        removedAt: null,
      })),
    );
  }

  private async read(clientId: string, demoId: string): Promise<GrantDto> {
    const rows = await this.uow.all(currentGrants, { clientId });
    const row = rows.find((grant) => grant.demoId === demoId);
    if (!row) throw notFound();
    return toGrantDto(row);
  }

  /** A grant has no id in the API: its entries stand under the client's. */
  private record(
    action: 'grant.set' | 'grant.removed',
    clientId: string,
    before: Record<string, unknown> | undefined,
    after: Record<string, unknown> | undefined,
  ): void {
    this.audit.record({
      action,
      entityType: 'grant',
      entityId: clientId,
      ...(before && { before }),
      ...(after && { after }),
    });
  }
}

function assertNotRetired(demo: GrantableDemo): void {
  if (demo.status === 'retired') throw conflict('A retired demo cannot be granted.');
}

function sameWindow(one: GrantWindow, other: GrantWindow): boolean {
  return (
    one.startsAt?.getTime() === other.startsAt?.getTime() && one.endsAt?.getTime() === other.endsAt?.getTime()
  );
}

function audited({ demoId, startsAt, endsAt }: Grant): Record<string, unknown> {
  return { demoId, startsAt, endsAt };
}
