import { Injectable } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.service.js';
import { Clock } from '../common/clock.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { DemoSessionsService } from '../demos/demo-sessions.service.js';
import type { ClientExportDto } from './client-export.dto.js';
import { type HeldPart, heldParts } from './client-export.queries.js';
import { toClientDto } from './clients.dto.js';
import { ClientStore } from './clients.store.js';

type HeldRow = Record<string, unknown>;

/** Gathers everything held about one person (GDPR, article 15); hashes of secrets are left out. */
@Injectable()
export class ClientExportService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly clients: ClientStore,
    private readonly demoSessions: DemoSessionsService,
    private readonly auditLog: AuditLog,
  ) {}

  /**
   * Returns all that is held about a client, the oldest first in each part.
   * @throws Problem `not-found`, also of one who was erased
   */
  async export(id: string): Promise<ClientExportDto> {
    const client = await this.clients.get(id);
    const exportedAt = this.clock.now();
    const parts: Partial<Record<keyof typeof heldParts, HeldRow[]>> = {};
    for (const [name, { sql, types }] of Object.entries<HeldPart>(heldParts))
      parts[name as keyof typeof heldParts] = await this.uow.query<HeldRow>(sql, { clientId: id }, types);
    return {
      exportedAt,
      client: toClientDto(client, exportedAt),
      ...(parts as Record<keyof typeof heldParts, HeldRow[]>),
      demoSessions: await this.demoSessions.ofClient(id),
      audit: await this.auditLog.naming(id),
    };
  }
}
