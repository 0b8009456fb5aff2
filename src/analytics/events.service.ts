import { Injectable } from '@nestjs/common';
import { stringify } from 'csv-stringify/sync';
import { after, Clock, DAY } from '../common/clock.js';
import { Lists, type ListSpec, type Page } from '../common/pagination.js';
import { invalid } from '../common/problem.js';
import { ndjson } from '../common/streaming.js';
import type { EventFilter, EventQuery, UsageEventDto } from './analytics.dto.js';
import { ReplicaDatabase } from '../database/replica.js';
import { events } from './analytics.queries.js';
import { startOfDay, wholeDays } from './analytics.rules.js';

const columns = [
  'id',
  'at',
  'kind',
  'demoSessionId',
  'demoId',
  'demoTitle',
  'clientId',
  'clientName',
  'durationSeconds',
] as const satisfies (keyof UsageEventDto)[];

/** Hands out the usage events themselves. Periods are cut to whole UTC days, as everywhere in analytics. */
@Injectable()
export class EventsService {
  constructor(
    private readonly lists: Lists,
    private readonly database: ReplicaDatabase,
    private readonly clock: Clock,
  ) {}

  /**
   * Returns a page of events, the newest first unless told otherwise.
   * @throws Problem `validation` naming `to` where it is not later than `from`, or as `Lists.page`
   */
  page(query: EventQuery): Promise<Page<UsageEventDto>> {
    const { from, spec } = this.asked(query);
    const where = [...(spec.where ?? []), events.since];
    return this.lists.page(
      { ...spec, where, parameters: { ...spec.parameters, from } },
      query,
      this.database,
    );
  }

  /** Yields the events as lines of JSON, the oldest first. Throws as `page`, at once. */
  ndjson(filter: EventFilter): AsyncGenerator<string, void, undefined> {
    return ndjson(this.batches(filter));
  }

  /**
   * Yields the events as CSV (RFC 4180), the oldest first, under a header. A cell that a spreadsheet would take for a
   * formula begins with an apostrophe (OWASP, CSV Injection). Throws as `page`, at once.
   */
  csv(filter: EventFilter): AsyncGenerator<string, void, undefined> {
    return csv(this.batches(filter));
  }

  private batches(filter: EventFilter): AsyncGenerator<UsageEventDto[], void, undefined> {
    const { from, spec } = this.asked(filter);
    return this.lists.batches(spec, 'at', from, this.database);
  }

  /** What a filter asks for: where it begins, and the list but for that. */
  private asked({ from, to, demoId, clientId }: EventFilter): { from: Date; spec: ListSpec<UsageEventDto> } {
    const days = wholeDays(from, to, this.clock.now());
    if (!days) throw invalid('to', 'must be later than from');
    const { select, from: tables, types, id, sorts, until, ofDemo, ofClient } = events;
    const spec: ListSpec<UsageEventDto> = {
      select,
      from: tables,
      where: [until, demoId !== undefined && ofDemo, clientId !== undefined && ofClient],
      parameters: { until: after(startOfDay(days.last), DAY), demoId, clientId },
      types,
      id,
      sorts,
      defaultSort: '-at',
      total: false,
    };
    return { from: startOfDay(days.first), spec };
  }
}

async function* csv(batches: AsyncIterable<UsageEventDto[]>): AsyncGenerator<string, void, undefined> {
  const options = { escape_formulas: true, record_delimiter: 'windows' } as const;
  yield stringify([[...columns]], options);
  for await (const batch of batches) {
    const rows = batch.map((event) => ({ ...event, at: event.at.toISOString() }));
    yield stringify(rows, { ...options, columns: [...columns] });
  }
}
