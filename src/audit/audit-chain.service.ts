import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../database/unit-of-work.js';
import { type AuditVerificationDto, type BrokenEntryDto, toAuditEntryDto } from './audit.dto.js';
import type { AuditEntry } from './audit.entity.js';
import { chainHead, entriesAfter, entryCount } from './audit.queries.js';
import { entryHash, GENESIS } from './audit.service.js';

/** How many rows are read at a time: memory stays flat, and SQLite's synchronous driver lets others in between. */
const BATCH = 500;

/** Checks and hands out the whole chain; the API and the command line use it. */
@Injectable()
export class AuditChain {
  constructor(private readonly uow: UnitOfWork) {}

  /**
   * Recomputes every hash, from the first entry on. It finds what was edited, deleted or put in another order; a tail
   * that was cut off leaves a whole chain, and is found by a `head` that was kept elsewhere.
   * @param head hash of an entry that must be there
   */
  async verify(head?: string): Promise<AuditVerificationDto> {
    let previous = GENESIS;
    let entries = 0;
    let found = head === undefined;
    for await (const entry of this.entries()) {
      const fault = faultOf(entry, entries + 1, previous);
      if (fault) return this.broken({ seq: entry.seq, id: entry.id, fault });
      previous = entry.hash;
      entries += 1;
      found ||= previous === head;
    }
    return { valid: found, entries, head: entries === 0 ? null : previous };
  }

  /**
   * Yields the log as NDJSON: a line an entry, as `GET /audit` shows it, and as the last line `{"head", "entries"}`.
   * Lines end with a line feed.
   */
  async *export(): AsyncGenerator<string, void, undefined> {
    let head: string | null = null;
    let entries = 0;
    for await (const entry of this.entries()) {
      yield `${JSON.stringify(toAuditEntryDto(entry))}\n`;
      head = entry.hash;
      entries += 1;
    }
    yield `${JSON.stringify({ head, entries })}\n`;
  }

  private async *entries(): AsyncGenerator<AuditEntry, void, undefined> {
    let seq = Number.MIN_SAFE_INTEGER;
    for (;;) {
      const batch = await this.uow.all(entriesAfter, { seq, limit: BATCH });
      yield* batch;
      if (batch.length < BATCH) return;
      seq = batch.at(-1)!.seq;
      await nextTurn();
    }
  }

  private async broken(firstBroken: BrokenEntryDto): Promise<AuditVerificationDto> {
    const [last, count] = [await this.uow.get(chainHead), await this.uow.get(entryCount)];
    return { valid: false, entries: count?.entries ?? 0, head: last?.hash ?? null, firstBroken };
  }
}

function faultOf(
  entry: AuditEntry,
  expectedSeq: number,
  previous: string,
): BrokenEntryDto['fault'] | undefined {
  if (entry.seq !== expectedSeq) return entry.seq > expectedSeq ? 'missing-before' : 'altered';
  // SQLite takes any text for an instant.
  if (Number.isNaN(entry.at.getTime())) return 'altered';
  return entryHash(previous, entry) === entry.hash ? undefined : 'altered';
}
