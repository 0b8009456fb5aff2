import { Injectable } from '@nestjs/common';
import { MINUTE } from '../common/clock.js';
import { MailDelivery } from '../notifications/mail-delivery.service.js';
import { type BackgroundJob, counted, type JobRun } from './background-job.js';

/** Sends the mails that wait, within a tick of being written. */
@Injectable()
export class OutboxJob implements BackgroundJob {
  readonly name = 'outbox';
  readonly everyMs = MINUTE;

  constructor(private readonly delivery: MailDelivery) {}

  isDue(): Promise<boolean> {
    return this.delivery.isDue();
  }

  async run({ byHand, signal }: JobRun): Promise<string> {
    const { sent, postponed, givenUp, serverDown } = await this.delivery.deliver({ all: byHand, signal });
    const parts = [`${counted(sent, 'mail')} sent`];
    if (serverDown) parts.push('the mail server takes nothing: the rest waits');
    else if (postponed > 0) parts.push(`${postponed} to be tried again`);
    if (givenUp > 0) parts.push(`${givenUp} given up`);
    return parts.join(', ');
  }
}
