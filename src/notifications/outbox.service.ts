import { Injectable } from '@nestjs/common';
import { In, IsNull, LessThanOrEqual, Not } from 'typeorm';
import type { AccountRef } from '../auth/accounts.js';
import { idColumns, idWhere } from '../auth/credentials.service.js';
import { after, Clock, MINUTE } from '../common/clock.js';
import { Encryption } from '../common/encryption.js';
import { newId } from '../common/ids.js';
import { AppConfig } from '../config/app-config.js';
import { insertAll } from '../database/bulk.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { type MailContent, isLinkTemplate } from './mail.composer.js';
import { type MailFault, nextAttempt } from './mail.rules.js';
import { OutgoingMail } from './notification.entity.js';
import {
  type LinkTemplate,
  linkTemplates,
  type MailedLink,
  type NotificationParams,
  type NotificationKind,
} from './notification-params.js';
import { claimMail, type ClaimedMail } from './notifications.queries.js';

/** Longer than any attempt takes: a mail whose sender died is tried again then. */
const CLAIM = 10 * MINUTE;

/** The mails that wait to be sent, encrypted, because they can hold links. */
@Injectable()
export class OutboxService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly encryption: Encryption,
    private readonly config: AppConfig,
  ) {}

  /** Tells whether anything is mailed. A command may be without the key: it prints what it made. */
  get isOpen(): boolean {
    return this.config.smtp !== undefined && this.config.dataKey !== undefined;
  }

  /** Adds a mail; none where nothing is mailed. Inside the unit of work of what it tells. */
  async add(account: AccountRef, content: MailContent): Promise<void> {
    await this.addAll([{ account, content }]);
  }

  /** Adds many mails, as `add` does one. */
  async addAll(mails: { account: AccountRef; content: MailContent }[]): Promise<void> {
    if (!this.isOpen) return;
    const now = this.clock.now();
    const rows = mails.map(({ account, content: { template, ...rest } }) => ({
      id: newId(),
      ...idColumns(account),
      template,
      content: this.encryption.encrypt(JSON.stringify(rest)),
      createdAt: now,
      attempts: 0,
      nextAttemptAt: now,
      sentAt: null,
      failedAt: null,
      lastError: null,
    }));
    await insertAll(this.uow.manager, OutgoingMail, rows);
  }

  /** Takes back the links of an account that were not sent yet: they are dead. Inside a unit of work. */
  async withdrawLinks(
    account: AccountRef,
    templates: readonly LinkTemplate[] = linkTemplates,
  ): Promise<void> {
    await this.uow.manager.delete(OutgoingMail, {
      ...idWhere(account),
      template: In([...templates]),
      sentAt: IsNull(),
      failedAt: IsNull(),
    });
  }

  /** Tells whether a mail is to be sent now. */
  isAnyDue(): Promise<boolean> {
    return this.uow.manager.existsBy(OutgoingMail, { nextAttemptAt: LessThanOrEqual(this.clock.now()) });
  }

  /** Lets every mail that waits be tried now. */
  async hurry(): Promise<void> {
    await this.uow.execute(
      `UPDATE "mail_outbox" SET "next_attempt_at" = :now WHERE "next_attempt_at" > :now`,
      { now: this.clock.now() },
    );
  }

  /** Claims the mail that is due and was tried least: nobody else sends it meanwhile. Undefined when none is due. */
  claim(): Promise<ClaimedMail | undefined> {
    const now = this.clock.now();
    return this.uow.run(async () => this.uow.get(claimMail, { now, until: after(now, CLAIM) }));
  }

  /** @throws Error when another DATA_KEY encrypted it */
  contentOf({ template, content }: ClaimedMail): MailContent {
    const kept = JSON.parse(this.encryption.decrypt(content)) as object;
    return isLinkTemplate(template)
      ? { template, ...(kept as { link: MailedLink }) }
      : {
          template: template as NotificationKind,
          ...(kept as { params: NotificationParams[NotificationKind] }),
        };
  }

  /** Notes that a mail was sent; its content is forgotten. */
  async markSent({ id }: ClaimedMail): Promise<void> {
    const done = { content: null, nextAttemptAt: null, lastError: null };
    await this.uow.manager.update(OutgoingMail, { id }, { ...done, sentAt: this.clock.now() });
  }

  /** Notes that a mail will not be sent any more; its content is forgotten. */
  async giveUp({ id }: ClaimedMail, lastError: string): Promise<void> {
    const done = { content: null, nextAttemptAt: null, lastError };
    await this.uow.manager.update(OutgoingMail, { id }, { ...done, failedAt: this.clock.now() });
  }

  /** Notes that a mail failed: it is tried again later, or given up. @returns which */
  async postpone(mail: ClaimedMail, fault: MailFault, lastError: string): Promise<'later' | 'given-up'> {
    const now = this.clock.now();
    const nextAttemptAt = nextAttempt(fault, mail, now);
    if (!nextAttemptAt) {
      await this.giveUp(mail, lastError);
      return 'given-up';
    }
    await this.uow.run(async (manager) => {
      await manager.update(OutgoingMail, { id: mail.id }, { nextAttemptAt, lastError });
      // Where the server is down, the others need not find it out one by one.
      if (fault === 'server') {
        await manager.update(OutgoingMail, { nextAttemptAt: LessThanOrEqual(now) }, { nextAttemptAt });
      }
    });
    return 'later';
  }

  /** Encrypts by DATA_KEY what the key before it encrypted. Inside a unit of work. @returns how many mails */
  async renewEncryption(): Promise<number> {
    let renewed = 0;
    for (const { id, content } of await this.uow.manager.findBy(OutgoingMail, { content: Not(IsNull()) })) {
      const again = this.encryption.renew(content!);
      if (again === undefined) continue;
      // One that was sent meanwhile has no content any more.
      const old = { id, content: content! };
      const { affected } = await this.uow.manager.update(OutgoingMail, old, { content: again });
      renewed += affected ?? 0;
    }
    return renewed;
  }

  /** Removes what was sent or given up before an instant. Inside a unit of work. @returns how many */
  async removeSettled(before: Date): Promise<number> {
    return this.uow.execute(
      `DELETE FROM "mail_outbox" WHERE "next_attempt_at" IS NULL AND "created_at" < :before`,
      { before },
    );
  }
}
