import { Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';
import type { AccountRef, Language } from '../auth/accounts.js';
import { CredentialsService, idWhere } from '../auth/credentials.service.js';
import { Clock } from '../common/clock.js';
import { Lists, type Page } from '../common/pagination.js';
import { notFound } from '../common/problem.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { Notification } from './notification.entity.js';
import type { NotificationParams } from './notification-params.js';
import type { NotificationDto, NotificationQuery } from './notifications.dto.js';
import { clientNames, type NotificationRow } from './notifications.queries.js';
import { tellIn } from './words.js';

/** Reads an account's own lines, and notes which it has read. */
@Injectable()
export class InboxService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly lists: Lists,
    private readonly credentials: CredentialsService,
  ) {}

  /** Returns a page of the account's lines in its language, the newest first. */
  async list(account: AccountRef, { unread, ...query }: NotificationQuery): Promise<Page<NotificationDto>> {
    const page = await this.lists.page<NotificationRow>(
      {
        select: `"id", "kind", "params", "created_at" AS "createdAt", "read_at" AS "readAt"`,
        from: '"notifications"',
        where: [
          `"${account.kind}_id" = :owner`,
          unread !== undefined && `"read_at" IS ${unread ? '' : 'NOT '}NULL`,
        ],
        parameters: { owner: account.id },
        types: { params: 'json', createdAt: 'instant', readAt: 'instant' },
        id: '"id"',
        sorts: { createdAt: { expression: '"created_at"', kind: 'instant' } },
        defaultSort: '-createdAt',
      },
      query,
    );
    const language = (await this.credentials.find(account))?.language ?? 'en';
    const names = await clientNames(this.uow, page.items);
    return { ...page, items: page.items.map((row) => toDto(row, language, names)) };
  }

  /** Notes that a line was read; again, nothing. @throws Problem `not-found`, also of another account's */
  async read(account: AccountRef, id: string): Promise<void> {
    const line = { id, ...idWhere(account) };
    await this.uow.run(async (manager) => {
      const { affected } = await manager.update(
        Notification,
        { ...line, readAt: IsNull() },
        { readAt: this.clock.now() },
      );
      if (affected !== 1 && !(await manager.existsBy(Notification, line))) throw notFound();
    });
  }

  /** Notes that every line was read. */
  async readAll(account: AccountRef): Promise<void> {
    await this.uow.run((manager) =>
      manager.update(Notification, { ...idWhere(account), readAt: IsNull() }, { readAt: this.clock.now() }),
    );
  }
}

function toDto(
  { id, kind, params, createdAt, readAt }: NotificationRow,
  language: Language,
  names: Map<string, string>,
): NotificationDto {
  const { clientId } = params as Partial<NotificationParams['request-received']>;
  const client = clientId === undefined ? undefined : names.get(clientId);
  return { id, kind, ...tellIn(language, kind, params, client), createdAt, readAt };
}
