import { Injectable } from '@nestjs/common';
import type { AccountRef } from '../auth/accounts.js';
import { idColumns, idWhere } from '../auth/credentials.service.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { OutsideUnitOfWorkError } from '../database/errors.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import type {
  LinkTemplate,
  MailedLink,
  NotificationKind,
  NotificationParams,
} from './notification-params.js';
import { Notification, OutgoingMail } from './notification.entity.js';
import { addLine, administrators } from './notifications.queries.js';
import { OutboxService } from './outbox.service.js';

/**
 * Tells accounts what happened: a line in their inbox and a mail, both written in the unit of work of the change, so
 * that neither is there without the other. A mail is sent later, by the job `outbox`.
 */
@Injectable()
export class NotificationsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly outbox: OutboxService,
  ) {}

  /**
   * Tells an account. Inside a unit of work.
   * @param options.dedupeKey of what must be told once, however often this is called
   * @returns whether it was told; false when the key was there already
   */
  async tell<K extends NotificationKind>(
    account: AccountRef,
    kind: K,
    params: NotificationParams[K],
    options: { dedupeKey?: string } = {},
  ): Promise<boolean> {
    this.assertUnit();
    const written = await this.uow.execute(addLine, {
      id: newId(),
      ...idColumns(account),
      kind,
      params,
      dedupeKey: options.dedupeKey ?? null,
      now: this.clock.now(),
    });
    if (written === 0) return false;
    await this.outbox.add(account, { template: kind, params });
    return true;
  }

  /** Returns which of these dedupe keys were told already. */
  async toldAlready(dedupeKeys: string[]): Promise<Set<string>> {
    if (dedupeKeys.length === 0) return new Set();
    const rows = await this.uow.query<{ key: string }>(
      `SELECT "dedupe_key" AS "key" FROM "notifications" WHERE "dedupe_key" IN (:...dedupeKeys)`,
      { dedupeKeys },
    );
    return new Set(rows.map(({ key }) => key));
  }

  /** Tells every administrator. Inside a unit of work. */
  async tellAdministrators<K extends NotificationKind>(
    kind: K,
    params: NotificationParams[K],
  ): Promise<void> {
    this.assertUnit();
    for (const { id } of await this.uow.all(administrators))
      await this.tell({ kind: 'user', id }, kind, params);
  }

  /** Mails a single-use link, in place of one not sent yet; the inbox has no line for it. Inside a unit of work. */
  async mail(account: AccountRef, template: LinkTemplate, link: MailedLink): Promise<void> {
    this.assertUnit();
    await this.outbox.withdrawLinks(account, [template]);
    await this.outbox.add(account, { template, link });
  }

  /** Tells whether anything is mailed. */
  get areMailed(): boolean {
    return this.outbox.isOpen;
  }

  /** Mails a single-use link to each of many accounts that had none. Inside a unit of work. */
  async mailAll(template: LinkTemplate, mails: { account: AccountRef; link: MailedLink }[]): Promise<void> {
    this.assertUnit();
    await this.outbox.addAll(mails.map(({ account, link }) => ({ account, content: { template, link } })));
  }

  /** Takes back the mails of links that are dead now, where they were not sent yet. Inside a unit of work. */
  async withdrawLinks(account: AccountRef): Promise<void> {
    await this.outbox.withdrawLinks(account);
  }

  /** Removes all that an erased account was told and would be. Inside a unit of work. */
  async removeAll(account: AccountRef): Promise<void> {
    await this.uow.manager.delete(Notification, idWhere(account));
    await this.uow.manager.delete(OutgoingMail, idWhere(account));
  }

  private assertUnit(): void {
    if (!this.uow.state)
      throw new OutsideUnitOfWorkError('A notification needs the unit of work of its change.');
  }
}
