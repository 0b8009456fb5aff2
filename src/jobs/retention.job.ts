import { Injectable } from '@nestjs/common';
import { UsageUpkeep } from '../analytics/usage-upkeep.service.js';
import { AuditService } from '../audit/audit.service.js';
import { AccountTokensService } from '../auth/account-tokens.service.js';
import { SessionsService } from '../auth/sessions.service.js';
import { SignInFailuresService } from '../auth/sign-in-failures.service.js';
import { after, Clock, DAY, HOUR } from '../common/clock.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { OutboxService } from '../notifications/outbox.service.js';
import { SettingsService } from '../settings/settings.service.js';
import { type BackgroundJob, counted, type JobRun } from './background-job.js';

/** Removes what is not kept any longer (`retention.*`), and what has expired. Rollups and the audit log stay. */
@Injectable()
export class RetentionJob implements BackgroundJob {
  readonly name = 'retention';
  readonly everyMs = 6 * HOUR;

  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly settings: SettingsService,
    private readonly audit: AuditService,
    private readonly usage: UsageUpkeep,
    private readonly sessions: SessionsService,
    private readonly signInFailures: SignInFailuresService,
    private readonly accountTokens: AccountTokensService,
    private readonly idempotency: IdempotencyService,
    private readonly outbox: OutboxService,
  ) {}

  async run({ signal }: JobRun): Promise<string> {
    const events = await this.removeUsage(signal);
    const rows = await this.removeTraces();
    return `${counted(events, 'usage event')} and ${counted(rows, 'other row')} removed`;
  }

  private async removeUsage(signal: AbortSignal): Promise<number> {
    const days = await this.settings.get('retention.usageEventDays');
    if (days === null) return 0;
    const before = after(this.clock.now(), -days * DAY);
    let events = 0;
    while (!signal.aborted) {
      const ofDay = await this.usage.removeOldestDay(before);
      if (ofDay === undefined) break;
      events += ofDay;
    }
    return events;
  }

  /** What signing in and calling leaves behind. */
  private async removeTraces(): Promise<number> {
    const before = after(this.clock.now(), -(await this.settings.get('retention.signInDays')) * DAY);
    return this.uow.run(async () => {
      const removed = {
        sessions: await this.sessions.removeOver(before),
        signInFailures: await this.signInFailures.removeOld(before),
        mails: await this.outbox.removeSettled(before),
        accountTokens: await this.accountTokens.removeExpired(),
        idempotencyKeys: await this.idempotency.removeExpired(),
      };
      const rows = Object.values(removed).reduce((sum, count) => sum + count, 0);
      if (rows > 0) {
        this.audit.record({
          action: 'retention.applied',
          entityType: 'job',
          entityId: this.name,
          before: removed,
        });
      }
      return rows;
    });
  }
}
