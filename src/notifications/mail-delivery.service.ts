import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import type { AccountRef } from '../auth/accounts.js';
import { CredentialsService } from '../auth/credentials.service.js';
import { Clock } from '../common/clock.js';
import { counter } from '../common/metrics.js';
import { AppConfig } from '../config/app-config.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { composeMail, type MailContent } from './mail.composer.js';
import { faultOf, faultText } from './mail.rules.js';
import { MailTransport } from './mail.transport.js';
import { clientNames, type ClaimedMail } from './notifications.queries.js';
import { OutboxService } from './outbox.service.js';

const mails = counter('mails_total', 'Attempts of this process to send a mail.', ['result']);
for (const result of ['sent', 'postponed', 'given-up'] as const) mails.inc({ result }, 0);

/** What became of the mails of one run. */
export interface Delivery {
  sent: number;
  /** To be tried again. */
  postponed: number;
  givenUp: number;
  /** The server took nothing: the rest waits. */
  serverDown: boolean;
}

/** Sends what waits in the outbox. A mail is claimed before it is sent, and no transaction is open meanwhile. */
@Injectable()
export class MailDelivery implements OnApplicationBootstrap {
  private readonly logger = new Logger('Mail');
  private isDown = false;

  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly config: AppConfig,
    private readonly outbox: OutboxService,
    private readonly transport: MailTransport,
    private readonly credentials: CredentialsService,
  ) {}

  onApplicationBootstrap(): void {
    if (this.transport.isThere) return;
    this.logger.warn(
      'SMTP_URL is not set: nothing is mailed. Invitations are in the answers to administrators only.',
    );
  }

  /** Tells whether there is something to send now. */
  async isDue(): Promise<boolean> {
    return this.transport.isThere && (await this.outbox.isAnyDue());
  }

  /**
   * Sends what is due, one after the other, until nothing is or the server fails.
   * @param options.all what waits for its next attempt too
   * @param options.signal ends the run after the mail at hand
   */
  async deliver({ all, signal }: { all: boolean; signal: AbortSignal }): Promise<Delivery> {
    const delivery: Delivery = { sent: 0, postponed: 0, givenUp: 0, serverDown: false };
    if (!this.transport.isThere) return delivery;
    if (all) await this.outbox.hurry();
    try {
      while (!signal.aborted && !delivery.serverDown) {
        const mail = await this.outbox.claim();
        if (!mail) break;
        await this.attempt(mail, delivery);
      }
    } finally {
      mails.inc({ result: 'sent' }, delivery.sent);
      mails.inc({ result: 'postponed' }, delivery.postponed);
      mails.inc({ result: 'given-up' }, delivery.givenUp);
    }
    return delivery;
  }

  private async attempt(mail: ClaimedMail, delivery: Delivery): Promise<void> {
    const account: AccountRef =
      mail.userId !== null ? { kind: 'user', id: mail.userId } : { kind: 'client', id: mail.clientId! };
    const recipient = await this.credentials.find(account);
    if (!recipient) {
      await this.outbox.giveUp(mail, 'The account is gone.');
      delivery.givenUp += 1;
      return;
    }
    try {
      const content = this.outbox.contentOf(mail);
      if ('link' in content && new Date(content.link.expiresAt) <= this.clock.now()) {
        await this.outbox.giveUp(mail, 'The link has expired.');
        delivery.givenUp += 1;
        return;
      }
      const { name, email, language } = recipient;
      const { publicUrl } = this.config;
      const client = await this.clientOf(content);
      const composed = composeMail(content, {
        name,
        language,
        ...(client !== undefined && { client }),
        ...(publicUrl !== undefined && { publicUrl }),
      });
      await this.transport.send(mail.id, { name, address: email }, composed);
    } catch (error) {
      await this.failed(mail, error, delivery);
      return;
    }
    await this.outbox.markSent(mail);
    delivery.sent += 1;
    if (this.isDown) this.logger.log('The mail server is back.');
    this.isDown = false;
  }

  private async failed(mail: ClaimedMail, error: unknown, delivery: Delivery): Promise<void> {
    const fault = faultOf(error);
    const outcome = await this.outbox.postpone(mail, fault, faultText(error));
    if (outcome === 'later') delivery.postponed += 1;
    else delivery.givenUp += 1;
    // What the server answers can name a person: it stays in the row.
    const { code = 'error', responseCode = '' } = error as { code?: string; responseCode?: number };
    const reason = `${code} ${responseCode}`.trim();
    if (fault === 'mail' || outcome === 'given-up') {
      const what = outcome === 'later' ? 'is tried again later' : 'is given up';
      this.logger.warn(`Mail ${mail.id} (${mail.template}) ${what}: ${reason}`);
    }
    if (fault !== 'server') return;
    delivery.serverDown = true;
    if (!this.isDown)
      this.logger.error(`The mail server takes nothing (${reason}). What is to be sent waits.`);
    this.isDown = true;
  }

  private async clientOf(content: MailContent): Promise<string | undefined> {
    if (!('params' in content)) return undefined;
    const [name] = (await clientNames(this.uow, [content])).values();
    return name;
  }
}
