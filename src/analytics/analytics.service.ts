import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { after, Clock, DAY } from '../common/clock.js';
import { Lists, type Page } from '../common/pagination.js';
import { invalid } from '../common/problem.js';
import type { PreparedQuery } from '../database/sql.js';
import { ReplicaDatabase } from '../database/replica.js';
import { SettingsService } from '../settings/settings.service.js';
import type {
  ChartQuery,
  ClientUsageDto,
  DemoUsageDto,
  OpensBucketDto,
  OpensDto,
  OpensQuery,
  OverviewDto,
  PeriodQuery,
  UsageListQuery,
} from './analytics.dto.js';
import {
  type BucketRow,
  chartNames,
  clientUsage,
  type ClientUsageRow,
  demoUsage,
  type DemoUsageRow,
  opensBy,
  opensOf,
  overview,
  topClients,
  topDemos,
  uniqueClients,
} from './analytics.queries.js';
import { type Bucket, bucketsOf, type Days, MAX_BUCKETS, startOfDay, wholeDays } from './analytics.rules.js';
import { drawChart } from './chart.js';

/** Answers who uses what, from the daily rollups. Periods are `[from, to)`, cut to whole UTC days. */
@Injectable()
export class AnalyticsService {
  constructor(
    private readonly database: ReplicaDatabase,
    private readonly lists: Lists,
    private readonly settings: SettingsService,
    private readonly clock: Clock,
  ) {}

  /**
   * Returns the state of the catalog now, and the usage of a period.
   * @throws Problem `validation` naming `to` where it is not later than `from`
   */
  async overview(query: PeriodQuery): Promise<OverviewDto> {
    const days = this.daysOf(query);
    const now = this.clock.now();
    const reminders = await this.settings.get('reminder.daysBefore');
    const soon = after(now, Math.max(0, ...reminders) * DAY);
    const row = (await this.database.get(overview, { ...days, now, soon }))!;
    const { active, scheduled, expired, revoked, opens, durationSeconds, ...counts } = row;
    return {
      clients: { active, scheduled, expired, revoked },
      ...counts,
      opens,
      totalDurationSeconds: durationSeconds,
      meanDurationSeconds: opens === 0 ? 0 : Math.round(durationSeconds / opens),
      topDemos: await this.database.all(topDemos, { ...days }),
      topClients: await this.database.all(topClients, { ...days }),
    };
  }

  /**
   * Returns the opens of a period in buckets, empty ones included.
   * @throws Problem `validation` as `overview`, or naming `from` where there are too many buckets
   */
  async opens(query: OpensQuery): Promise<OpensDto> {
    const days = this.daysOf(query);
    const buckets = bucketsOf(days, query.bucket);
    if (!buckets) throw invalid('from', `makes more than ${MAX_BUCKETS} buckets`);
    const { demoId, clientId } = query;
    const rows = await this.database.all(opensQuery(query), { ...days, demoId, clientId });
    const byStart = new Map(rows.map((row) => [row.start, row]));
    if (query.bucket !== 'day' && demoId === undefined && clientId === undefined)
      await this.countUniqueClients(buckets, byStart);
    return { buckets: buckets.map(({ start }) => toBucket(start, byStart.get(start))) };
  }

  /** Returns a picture (SVG) of one number of `opens` over time. Throws as `opens`. */
  async chart({ metric, ...query }: ChartQuery): Promise<string> {
    const { bucket, demoId, clientId } = query;
    const { buckets } = await this.opens(query);
    const { demo, client } = (await this.database.get(chartNames, { demoId, clientId }))!;
    return drawChart({
      metric,
      bucket,
      days: this.daysOf(query),
      buckets,
      ...(demoId !== undefined && { demo: demo ?? 'unknown demo' }),
      ...(clientId !== undefined && { client: client ?? 'unknown client' }),
    });
  }

  /** Returns a page of the demos that were opened in a period. Throws as `overview` and `Lists.page`. */
  demos(query: UsageListQuery): Promise<Page<DemoUsageDto>> {
    return this.lists.page<DemoUsageRow>(
      {
        ...demoUsage,
        parameters: { ...this.daysOf(query) },
        id: 'd."demoId"',
        sorts: {
          opens: { expression: 'd."opens"', kind: 'number' },
          uniqueClients: { expression: 'd."uniqueClients"', kind: 'number' },
          durationSeconds: { expression: 'd."durationSeconds"', kind: 'number' },
          lastOpenedAt: { expression: 'd."lastOpenedAt"', kind: 'instant' },
          title: { expression: 'd."title"', kind: 'text' },
        },
        defaultSort: '-opens',
      },
      query,
      this.database,
    );
  }

  /** Returns a page of the clients who opened a demo in a period. Throws as `overview` and `Lists.page`. */
  clients(query: UsageListQuery): Promise<Page<ClientUsageDto>> {
    return this.lists.page<ClientUsageRow>(
      {
        ...clientUsage,
        parameters: { ...this.daysOf(query) },
        id: 'c."clientId"',
        sorts: {
          opens: { expression: 'c."opens"', kind: 'number' },
          durationSeconds: { expression: 'c."durationSeconds"', kind: 'number' },
          lastOpenedAt: { expression: 'c."lastOpenedAt"', kind: 'instant' },
          name: { expression: `COALESCE(c."name", '')`, kind: 'text' },
        },
        defaultSort: '-opens',
      },
      query,
      this.database,
    );
  }

  private daysOf({ from, to }: PeriodQuery): Days {
    const days = wholeDays(from, to, this.clock.now());
    if (!days) throw invalid('to', 'must be later than from');
    return days;
  }

  /** By bucket, letting others in between: SQLite's driver is synchronous. */
  private async countUniqueClients(buckets: Bucket[], rows: Map<string, BucketRow>): Promise<void> {
    for (const { start, first, last } of buckets) {
      const row = rows.get(start);
      if (!row) continue;
      row.uniqueClients = (await this.database.get(uniqueClients, { first, last }))!.uniqueClients;
      await nextTurn();
    }
  }
}

function opensQuery({ bucket, demoId, clientId }: OpensQuery): PreparedQuery<BucketRow> {
  if (demoId !== undefined) return (clientId === undefined ? opensOf.demo : opensOf.both)[bucket];
  return (clientId === undefined ? opensBy : opensOf.client)[bucket];
}

function toBucket(start: string, row: BucketRow | undefined): OpensBucketDto {
  const { opens = 0, uniqueClients: clients = 0, durationSeconds = 0 } = row ?? {};
  return { start: startOfDay(start), opens, uniqueClients: clients, durationSeconds };
}
