import { Injectable } from '@nestjs/common';
import { MoreThan } from 'typeorm';
import { after, Clock, DAY, MINUTE } from '../common/clock.js';
import { digest, newSecret } from '../common/ids.js';
import { AppConfig } from '../config/app-config.js';
import { insertAll } from '../database/bulk.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { NotificationsService } from '../notifications/notifications.service.js';
import { SettingsService } from '../settings/settings.service.js';
import { AccountToken } from './account.entity.js';
import type { AccountRef } from './accounts.js';
import { idColumns, idWhere } from './credentials.service.js';

type Purpose = AccountToken['purpose'];

/** A single-use link, shown once. */
export interface IssuedToken {
  token: string;
  expiresAt: Date;
  /** The front end's page for it, where PUBLIC_URL is set. */
  url?: string;
}

const pages: Record<Purpose, string> = { invitation: 'invitation', 'password-reset': 'password-reset' };

/** Invitations and password resets: single use, expiring, stored as SHA-256 (ASVS 5.0 6.4). */
@Injectable()
export class AccountTokensService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly settings: SettingsService,
    private readonly config: AppConfig,
    private readonly notifications: NotificationsService,
  ) {}

  /** Issues an invitation and mails it; the account's earlier one is dead. Inside a unit of work. */
  async issueInvitation(account: AccountRef): Promise<IssuedToken> {
    const life = (await this.settings.get('invitation.days')) * DAY;
    const invitation = await this.issue(account, 'invitation', life);
    await this.notifications.mail(account, 'invitation', invitation);
    return invitation;
  }

  /**
   * Issues an invitation to each of many accounts made just now, and mails it; nothing where nothing is mailed, because
   * nobody would learn the links. Inside a unit of work.
   */
  async inviteAll(accounts: AccountRef[]): Promise<void> {
    if (!this.notifications.areMailed) return;
    const life = (await this.settings.get('invitation.days')) * DAY;
    const issued = accounts.map((account) => ({ account, ...this.make(account, 'invitation', life) }));
    await insertAll(
      this.uow.manager,
      AccountToken,
      issued.map(({ row }) => row),
    );
    await this.notifications.mailAll('invitation', issued);
  }

  /** Issues a password reset; the account's earlier one is dead. Inside a unit of work. */
  async issuePasswordReset(account: AccountRef): Promise<IssuedToken> {
    return this.issue(account, 'password-reset', (await this.settings.get('passwordReset.minutes')) * MINUTE);
  }

  /** Returns whose token this is while it can be used, or undefined. */
  async owner(purpose: Purpose, token: string): Promise<AccountRef | undefined> {
    const row = await this.uow.manager.findOneBy(AccountToken, {
      tokenHash: digest(token),
      purpose,
      expiresAt: MoreThan(this.clock.now()),
    });
    if (!row) return undefined;
    return row.userId !== null
      ? { kind: 'user', id: row.userId }
      : { kind: 'client', id: row.clientId as string };
  }

  /** Kills every token of an account, also those still to be mailed. Inside a unit of work. */
  async removeAll(account: AccountRef): Promise<void> {
    await this.uow.manager.delete(AccountToken, idWhere(account));
    await this.notifications.withdrawLinks(account);
  }

  /** Removes the tokens that have expired. Inside a unit of work. @returns how many */
  removeExpired(): Promise<number> {
    return this.uow.execute(`DELETE FROM "account_tokens" WHERE "expires_at" <= :now`, {
      now: this.clock.now(),
    });
  }

  private async issue(account: AccountRef, purpose: Purpose, life: number): Promise<IssuedToken> {
    const { row, link } = this.make(account, purpose, life);
    await this.uow.manager.delete(AccountToken, { ...idWhere(account), purpose });
    await this.uow.manager.insert(AccountToken, row);
    return link;
  }

  private make(
    account: AccountRef,
    purpose: Purpose,
    life: number,
  ): { row: AccountToken; link: IssuedToken } {
    const token = newSecret();
    const createdAt = this.clock.now();
    const expiresAt = after(createdAt, life);
    const { publicUrl } = this.config;
    const url = publicUrl && { url: `${publicUrl}/${pages[purpose]}?token=${token}` };
    return {
      row: { tokenHash: digest(token), purpose, ...idColumns(account), createdAt, expiresAt },
      link: { token, expiresAt, ...url },
    };
  }
}
