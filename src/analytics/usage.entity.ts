import { Check, Entity, ForeignKey, Index } from 'typeorm';
import {
  BigIntColumn,
  IdColumn,
  InstantColumn,
  IntColumn,
  RefColumn,
  TextColumn,
} from '../database/columns.js';

/** One usage event: what happened in a demo session. */
@Entity('usage_analytics')
@Index('ix_usage_analytics_at', ['at', 'id'])
@Index('ix_usage_analytics_demo_id_at', ['demoId', 'at', 'id'])
@Index('ix_usage_analytics_client_id_at', ['clientId', 'at', 'id'])
@Check('ck_usage_analytics_kind_known', `"kind" IN ('opened','activated','ended')`)
@Check('ck_usage_analytics_duration', '"duration_seconds" >= 0')
export class UsageEvent {
  @IdColumn() id!: string;
  @RefColumn() demoSessionId!: string;
  @ForeignKey('Client')
  @RefColumn()
  clientId!: string;
  @ForeignKey('Demo')
  @RefColumn()
  demoId!: string;
  @TextColumn({ length: 10 }) kind!: 'opened' | 'activated' | 'ended';
  @InstantColumn() at!: Date;
  @IntColumn({ nullable: true }) durationSeconds!: number | null;
}

/** Opens of one demo by one client on one UTC day (`YYYY-MM-DD`); a session's duration counts on the day it was opened. */
@Entity('usage_daily')
@Index('ix_usage_daily_demo_id_day_client_id', ['demoId', 'day', 'clientId'])
@Index('ix_usage_daily_client_id_demo_id_day', ['clientId', 'demoId', 'day'])
export class UsageDaily {
  @TextColumn({ length: 10, primary: true }) day!: string;
  @ForeignKey('Demo')
  @RefColumn({ primary: true })
  demoId!: string;
  @ForeignKey('Client')
  @RefColumn({ primary: true })
  clientId!: string;
  @IntColumn() opens!: number;
  @BigIntColumn() durationSeconds!: number;
  @InstantColumn() lastOpenedAt!: Date;
}

/** The same by client alone: a client who opens two demos on a day is one unique client. */
@Entity('usage_daily_clients')
@Index('ix_usage_daily_clients_client_id_day', ['clientId', 'day'])
export class UsageDailyClient {
  @TextColumn({ length: 10, primary: true }) day!: string;
  @ForeignKey('Client')
  @RefColumn({ primary: true })
  clientId!: string;
  @IntColumn() opens!: number;
  @BigIntColumn() durationSeconds!: number;
  @InstantColumn() lastOpenedAt!: Date;
}

/** The same by day alone. */
@Entity('usage_daily_totals')
export class UsageDailyTotal {
  @TextColumn({ length: 10, primary: true }) day!: string;
  @IntColumn() opens!: number;
  @IntColumn() uniqueClients!: number;
  @BigIntColumn() durationSeconds!: number;
}

/** All that was ever opened of one demo. */
@Entity('usage_demo_totals')
export class UsageDemoTotal {
  @ForeignKey('Demo')
  @RefColumn({ primary: true })
  demoId!: string;
  @IntColumn() opens!: number;
  @BigIntColumn() durationSeconds!: number;
  @InstantColumn() lastOpenedAt!: Date;
}

/**
 * What had been opened of one demo before a day, a row for each day on which it was opened. A period's usage is the
 * balance of the first day behind it (or the total) less that of its own first day.
 */
@Entity('usage_demo_balances', { withoutRowid: true })
export class UsageDemoBalance {
  @ForeignKey('Demo')
  @RefColumn({ primary: true })
  demoId!: string;
  @TextColumn({ length: 10, primary: true }) day!: string;
  @IntColumn() opens!: number;
  @BigIntColumn() durationSeconds!: number;
  /** Of how many clients this is the last day with the demo so far. */
  @IntColumn({ default: 0 }) lastClients!: number;
}

/** All that one client ever opened. */
@Entity('usage_client_totals')
export class UsageClientTotal {
  @ForeignKey('Client')
  @RefColumn({ primary: true })
  clientId!: string;
  @IntColumn() opens!: number;
  @BigIntColumn() durationSeconds!: number;
  @InstantColumn() lastOpenedAt!: Date;
}

/** What one client had opened before a day, as `UsageDemoBalance`. */
@Entity('usage_client_balances', { withoutRowid: true })
export class UsageClientBalance {
  @ForeignKey('Client')
  @RefColumn({ primary: true })
  clientId!: string;
  @TextColumn({ length: 10, primary: true }) day!: string;
  @IntColumn() opens!: number;
  @BigIntColumn() durationSeconds!: number;
}

/** That a client opened anything in a calendar week or month, named by its first day. */
@Entity('usage_client_buckets', { withoutRowid: true })
@Check('ck_usage_client_buckets_bucket_known', `"bucket" IN ('week','month')`)
export class UsageClientBucket {
  @TextColumn({ length: 5, primary: true }) bucket!: 'week' | 'month';
  @TextColumn({ length: 10, primary: true }) start!: string;
  @ForeignKey('Client')
  @RefColumn({ primary: true })
  clientId!: string;
}
