import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { after, Clock, DAY, earliest } from '../common/clock.js';
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
  clientDetails,
  clientUsage,
  type ClientUsageRow,
  demoDetails,
  demoUsage,
  type DemoUsageRow,
  opensBy,
  opensOf,
  overview,
  type SummedUsage,
  topClients,
  topDemos,
  uniqueClients,
  uniqueClientsOfBucket,
  type UsageDetails,
} from './analytics.queries.js';
import {
  type Bucket,
  bucketsOf,
  type BucketSize,
  calendarBucket,
  type Days,
  MAX_BUCKETS,
  startOfDay,
  wholeDays,
} from './analytics.rules.js';
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
    const row = (await this.database.get(overview, { ...periodOf(days), now, soon }))!;
    const { active, scheduled, expired, revoked, opens, durationSeconds, ...counts } = row;
    return {
      clients: { active, scheduled, expired, revoked },
      ...counts,
      opens,
      totalDurationSeconds: durationSeconds,
      meanDurationSeconds: opens === 0 ? 0 : Math.round(durationSeconds / opens),
      topDemos: await this.demosWithDetails(await this.database.all(topDemos, periodOf(days)), days),
      topClients: await this.clientsWithDetails(await this.database.all(topClients, periodOf(days)), days),
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
      await this.countUniqueClients(query.bucket, buckets, byStart);
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
  async demos(query: UsageListQuery): Promise<Page<DemoUsageDto>> {
    const days = this.daysOf(query);
    const spec = {
      ...demoUsage,
      from: joined(demoUsage, demoDetails.all, 'title', ['uniqueClients', 'lastOpenedAt'], query),
      firstPage: (query.sort ?? '-opens') === '-opens' && demoUsage.firstPage,
      parameters: periodOf(days),
      sorts: {
        opens: { expression: 'p."opens"', kind: 'number' },
        uniqueClients: { expression: 'x."uniqueClients"', kind: 'number' },
        durationSeconds: { expression: 'p."durationSeconds"', kind: 'number' },
        lastOpenedAt: { expression: 'x."lastOpenedAt"', kind: 'instant' },
        title: { expression: 'm."name"', kind: 'text' },
      },
      defaultSort: '-opens',
    } as const;
    const page = await this.lists.page<SummedUsage<DemoUsageRow>>(spec, query, this.database);
    return { ...page, items: await this.demosWithDetails(page.items, days) };
  }

  /** Returns a page of the clients who opened a demo in a period. Throws as `overview` and `Lists.page`. */
  async clients(query: UsageListQuery): Promise<Page<ClientUsageDto>> {
    const days = this.daysOf(query);
    const spec = {
      ...clientUsage,
      from: joined(clientUsage, clientDetails.all, 'name', ['lastOpenedAt'], query),
      firstPage: (query.sort ?? '-opens') === '-opens' && clientUsage.firstPage,
      parameters: periodOf(days),
      sorts: {
        opens: { expression: 'p."opens"', kind: 'number' },
        durationSeconds: { expression: 'p."durationSeconds"', kind: 'number' },
        lastOpenedAt: { expression: 'x."lastOpenedAt"', kind: 'instant' },
        name: { expression: `COALESCE(m."name", '')`, kind: 'text' },
      },
      defaultSort: '-opens',
    } as const;
    const page = await this.lists.page<SummedUsage<ClientUsageRow>>(spec, query, this.database);
    return { ...page, items: await this.clientsWithDetails(page.items, days) };
  }

  private async demosWithDetails(rows: SummedUsage<DemoUsageRow>[], days: Days): Promise<DemoUsageRow[]> {
    const details = await this.detailsOf(
      demoDetails,
      rows.map(({ demoId }) => demoId),
      days,
    );
    return rows.flatMap(({ demoId, opens, durationSeconds }) => {
      const found = details.get(demoId);
      if (!found) return [];
      const { name, uniqueClients, lastOpenedAt } = found;
      return [{ demoId, title: name!, opens, uniqueClients, durationSeconds, lastOpenedAt }];
    });
  }

  private async clientsWithDetails(
    rows: SummedUsage<ClientUsageRow>[],
    days: Days,
  ): Promise<ClientUsageRow[]> {
    const details = await this.detailsOf(
      clientDetails,
      rows.map(({ clientId }) => clientId),
      days,
    );
    return rows.flatMap(({ clientId, opens, durationSeconds }) => {
      const found = details.get(clientId);
      if (!found) return [];
      return [{ clientId, name: found.name, opens, durationSeconds, lastOpenedAt: found.lastOpenedAt }];
    });
  }

  /** What is no sum is looked up for the few that are shown. */
  private async detailsOf(
    { some, types }: typeof demoDetails,
    ids: string[],
    days: Days,
  ): Promise<Map<string, UsageDetails>> {
    if (ids.length === 0) return new Map();
    const rows = await this.database.query<UsageDetails>(some, { ...periodOf(days), ids }, types);
    return new Map(rows.map((row) => [row.id, row]));
  }

  private daysOf({ from, to }: PeriodQuery): Days {
    const days = wholeDays(from, to, this.clock.now());
    if (!days) throw invalid('to', 'must be later than from');
    return days;
  }

  /** By bucket, letting others in between: SQLite's driver is synchronous. */
  private async countUniqueClients(
    bucket: BucketSize,
    buckets: Bucket[],
    rows: Map<string, BucketRow>,
  ): Promise<void> {
    for (const { start, first, last } of buckets) {
      const row = rows.get(start);
      if (!row) continue;
      const whole = calendarBucket(start, bucket);
      const counting =
        first === whole.first && last === whole.last
          ? this.database.get(uniqueClientsOfBucket, { bucket, start })
          : this.database.get(uniqueClients, periodOf({ first, last }));
      row.uniqueClients = (await counting)!.uniqueClients;
      await nextTurn();
    }
  }
}

/** Behind it no database has an instant. */
const LATEST = new Date('9999-12-31T23:59:59.999Z');

/** The parameters of a period: its days, and the instants it begins and ends. */
function periodOf(days: Days) {
  const until = earliest(after(startOfDay(days.last), DAY), LATEST);
  return { ...days, from: startOfDay(days.first), until };
}

/** Joins to a list what it is sorted by, where that is a name or does not add up. */
function joined(
  { from, named, id }: typeof demoUsage,
  details: string,
  name: string,
  fields: string[],
  { sort }: UsageListQuery,
): string {
  const field = sort?.replace(/^-/, '') ?? '';
  if (field === name) return `${from} ${named}`;
  return fields.includes(field) ? `${from} JOIN ${details} x ON x."id" = ${id}` : from;
}

function opensQuery({ bucket, demoId, clientId }: OpensQuery): PreparedQuery<BucketRow> {
  if (demoId !== undefined) return (clientId === undefined ? opensOf.demo : opensOf.both)[bucket];
  return (clientId === undefined ? opensBy : opensOf.client)[bucket];
}

function toBucket(start: string, row: BucketRow | undefined): OpensBucketDto {
  const { opens = 0, uniqueClients: clients = 0, durationSeconds = 0 } = row ?? {};
  return { start: startOfDay(start), opens, uniqueClients: clients, durationSeconds };
}
