import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { invalid } from '../common/problem.js';
import { Lists, type Page } from '../common/pagination.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { type AuditEntryDto, type AuditQuery, toAuditEntryDto } from './audit.dto.js';
import type { AuditEntry } from './audit.entity.js';
import { chainHead, entriesNaming, entryColumns, entryTypes } from './audit.queries.js';

const SEQS_AT_ONCE = 5000;

/** Reads the audit log. */
@Injectable()
export class AuditLog {
  constructor(
    private readonly lists: Lists,
    private readonly uow: UnitOfWork,
  ) {}

  /**
   * Returns one page of the entries that match, newest first unless told otherwise.
   * @throws Problem `validation` naming `to` where the period is empty, or as `Lists.page`
   */
  async page(query: AuditQuery): Promise<Page<AuditEntryDto>> {
    const { actorId, action, entityType, entityId, from, to } = query;
    if (from && to && to <= from) throw invalid('to', 'must be later than from');
    const { items, nextCursor } = await this.lists.page<AuditEntry>(
      {
        select: entryColumns,
        from: '"audit_log"',
        where: [
          actorId !== undefined && '"actor_id" = :actorId',
          action !== undefined && '"action" = :action',
          entityType !== undefined && '"entity_type" = :entityType',
          entityId !== undefined && '"entity_id" = :entityId',
          from && '"at" >= :from',
          to && '"at" < :to',
        ],
        parameters: { actorId, action, entityType, entityId, from, to },
        types: entryTypes,
        id: '"id"',
        sorts: {
          seq: { expression: '"seq"', kind: 'number' },
          at: { expression: '"at"', kind: 'instant' },
        },
        defaultSort: '-seq',
        total: false,
      },
      query,
    );
    return { items: items.map(toAuditEntryDto), nextCursor };
  }

  /**
   * Returns every entry that an account made or that names it, the oldest first. It reads the whole log, some entries
   * at a time: what one call did to several stands within their entry.
   */
  async naming(id: string): Promise<AuditEntryDto[]> {
    const last = (await this.uow.get(chainHead))?.seq ?? 0;
    const entries: AuditEntry[] = [];
    for (let after = 0; after < last; after += SEQS_AT_ONCE) {
      const range = { after, until: after + SEQS_AT_ONCE };
      entries.push(
        ...(await this.uow.all(entriesNaming, { id, entityId: id, naming: `%"${id}"%`, ...range })),
      );
      await nextTurn();
    }
    return entries.map(toAuditEntryDto);
  }
}
