import { Id, Instant, Int, Nested, NestedList, OneOf, Text } from '../common/fields.js';
import { ListQuery } from '../common/pagination.js';
import { bucketSizes, type BucketSize } from './analytics.rules.js';
import { type Metric, metrics } from './chart.js';

const From = () =>
  Instant({
    optional: true,
    description: 'Cut down to the beginning of its UTC day; 29 days before the last one unless given.',
  });
const To = () =>
  Instant({
    optional: true,
    description: 'Not included; raised to a whole UTC day. The end of today unless given.',
  });
const DemoAlone = () => Id({ optional: true, description: 'This demo alone.' });
const ClientAlone = () => Id({ optional: true, description: 'This client alone.' });

export class PeriodQuery {
  @From() from?: Date;
  @To() to?: Date;
}

export class OpensQuery extends PeriodQuery {
  @OneOf(bucketSizes, { optional: true, default: 'day', description: 'Weeks begin on Monday.' })
  bucket: BucketSize = 'day';

  @DemoAlone() demoId?: string;
  @ClientAlone() clientId?: string;
}

export class ChartQuery extends OpensQuery {
  @OneOf(metrics, { optional: true, default: 'opens' }) metric: Metric = 'opens';
}

/** Which usage events: those of a period, of a demo, of a client. */
export class EventFilter extends PeriodQuery {
  @DemoAlone() demoId?: string;
  @ClientAlone() clientId?: string;
}

export class EventQuery extends ListQuery {
  @From() from?: Date;
  @To() to?: Date;
  @DemoAlone() demoId?: string;
  @ClientAlone() clientId?: string;
}

export class UsageListQuery extends ListQuery {
  @From() from?: Date;
  @To() to?: Date;
}

const Count = (example: number, description?: string) =>
  Int({ max: Number.MAX_SAFE_INTEGER, example, ...(description && { description }) });

const Seconds = () =>
  Count(5400, 'Of the demo sessions that have ended; counted where the session was opened.');

export const eventKinds = ['opened', 'activated', 'ended'] as const;

/** One row of what happened in a demo session. */
export class UsageEventDto {
  @Id() id!: string;
  @Instant() at!: Date;
  @OneOf(eventKinds) kind!: (typeof eventKinds)[number];
  @Id() demoSessionId!: string;
  @Id() demoId!: string;
  @Text({ max: 200, example: 'Sales Dashboard' }) demoTitle!: string;
  @Id() clientId!: string;
  @Text({ max: 200, nullable: true, example: 'Ana Silva', description: 'null of an erased client.' })
  clientName!: string | null;
  @Int({ nullable: true, description: 'Of a session that ended.', example: 900 })
  durationSeconds!: number | null;
}

export class ClientCountsDto {
  @Count(12) active!: number;
  @Count(1) scheduled!: number;
  @Count(3) expired!: number;
  @Count(1) revoked!: number;
}

/** What one demo was used in a period. */
export class DemoUsageDto {
  @Id() demoId!: string;
  @Text({ max: 200, example: 'Sales Dashboard' }) title!: string;
  @Count(42) opens!: number;
  @Count(7, 'How many clients opened it.') uniqueClients!: number;
  @Seconds() durationSeconds!: number;
  @Instant({ description: 'Within the period.' }) lastOpenedAt!: Date;
}

/** What one client used in a period. */
export class ClientUsageDto {
  @Id() clientId!: string;
  @Text({ max: 200, nullable: true, example: 'Ana Silva', description: 'null of an erased client.' })
  name!: string | null;
  @Count(42) opens!: number;
  @Seconds() durationSeconds!: number;
  @Instant({ description: 'Within the period.' }) lastOpenedAt!: Date;
}

export class OverviewDto {
  @Nested(() => ClientCountsDto, { description: 'Clients by their status now.' })
  clients!: ClientCountsDto;

  @Count(2, 'Active clients whose access ends within the longest of `reminder.daysBefore`.')
  expiringSoon!: number;

  @Count(5, 'Published ones.') demos!: number;
  @Count(120, 'In the period.') opens!: number;
  @Count(9, 'How many clients opened a demo in the period, each counted once.') uniqueClients!: number;
  @Seconds() totalDurationSeconds!: number;
  @Count(45, 'totalDurationSeconds by opens, rounded; 0 without any.') meanDurationSeconds!: number;
  @Count(1, 'Waiting now.') pendingRequests!: number;

  @NestedList(() => DemoUsageDto, { max: 5, description: 'The five most opened in the period.' })
  topDemos!: DemoUsageDto[];

  @NestedList(() => ClientUsageDto, { max: 5, description: 'The five who opened most in the period.' })
  topClients!: ClientUsageDto[];
}

export class OpensBucketDto {
  @Instant({
    example: '2026-11-16T00:00:00.000Z',
    description:
      'Midnight UTC of the day, of the Monday, or of the first of the month; may be before `from`.',
  })
  start!: Date;

  @Count(12) opens!: number;
  @Count(4, 'How many clients, each counted once in the bucket.') uniqueClients!: number;
  @Seconds() durationSeconds!: number;
}

export class OpensDto {
  @NestedList(() => OpensBucketDto, { max: 1000, description: 'Oldest first, empty ones included.' })
  buckets!: OpensBucketDto[];
}
