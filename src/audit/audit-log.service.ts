import { Injectable } from '@nestjs/common';
import { invalid } from '../common/problem.js';
import { Lists, type Page } from '../common/pagination.js';
import { type AuditEntryDto, type AuditQuery, toAuditEntryDto } from './audit.dto.js';
import type { AuditEntry } from './audit.entity.js';
import { entryColumns, entryTypes } from './audit.queries.js';

/** Reads the audit log. */
@Injectable()
export class AuditLog {
  constructor(private readonly lists: Lists) {}

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
}
