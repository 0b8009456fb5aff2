import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { after, Clock, DAY, MINUTE } from '../common/clock.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { NotificationsService } from '../notifications/notifications.service.js';
import { SettingsService } from '../settings/settings.service.js';
import { type BackgroundJob, counted, type JobRun } from './background-job.js';
import { type EndingClient, endingClients } from './reminders.queries.js';
import { reminderFor } from './reminders.rules.js';

/** An access that ended longer ago is not told any more, such as those of before this release. */
const TOLD_WITHIN = 7 * DAY;
const BATCH = 100;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Tells clients that their access ends (`reminder.daysBefore`) and that it has ended; each once. */
@Injectable()
export class RemindersJob implements BackgroundJob {
  readonly name = 'reminders';
  readonly everyMs = 5 * MINUTE;

  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly settings: SettingsService,
    private readonly notifications: NotificationsService,
    private readonly audit: AuditService,
  ) {}

  async run({ signal }: JobRun): Promise<string> {
    const now = this.clock.now();
    const daysBefore = await this.settings.get('reminder.daysBefore');
    const until = after(now, Math.max(0, ...daysBefore) * DAY);
    let told = 0;
    let last: EndingClient = { id: FIRST_ID, accessEndsAt: after(now, -TOLD_WITHIN) };
    for (;;) {
      const page = { since: last.accessEndsAt, sinceId: last.id, until, now, limit: BATCH };
      const clients = await this.uow.all(endingClients, page);
      told += await this.tell(clients, daysBefore, now);
      const next = clients.at(-1);
      if (clients.length < BATCH || !next || signal.aborted) break;
      last = next;
    }
    return `${counted(told, 'client')} told`;
  }

  private async tell(clients: EndingClient[], daysBefore: number[], now: Date): Promise<number> {
    const due = clients.flatMap((client) => {
      const reminder = reminderFor(client, daysBefore, now);
      return reminder ? [{ id: client.id, ...reminder }] : [];
    });
    const told = await this.notifications.toldAlready(due.map(({ dedupeKey }) => dedupeKey));
    const fresh = due.filter(({ dedupeKey }) => !told.has(dedupeKey));
    if (fresh.length === 0) return 0;
    return this.uow.run(async () => {
      let count = 0;
      for (const { id, kind, params, dedupeKey } of fresh) {
        const account = { kind: 'client', id } as const;
        if (!(await this.notifications.tell(account, kind, params, { dedupeKey }))) continue;
        this.audit.record({
          action: 'client.reminded',
          entityType: 'client',
          entityId: id,
          after: { kind, accessEndsAt: params.accessEndsAt },
        });
        count += 1;
      }
      return count;
    });
  }
}
