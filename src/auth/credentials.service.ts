import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { conflict, type Problem } from '../common/problem.js';
import { emailKey } from '../common/text.js';
import { insertAll } from '../database/bulk.js';
import { isUniqueViolation } from '../database/errors.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { Credentials } from './account.entity.js';
import type { AccountRef } from './accounts.js';
import { accountByClientId, accountByEmailKey, accountByUserId, type AccountRow } from './auth.queries.js';

const KEYS_AT_ONCE = 500;

/** What accounts sign in with: the normalised e-mail, unique over users and clients, and the password's hash. */
@Injectable()
export class CredentialsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
  ) {}

  /**
   * Gives a new account its e-mail. Inside a unit of work, after the account's own row.
   * @throws Problem `conflict` when a user or client has the e-mail already
   */
  async add(account: AccountRef, email: string, passwordHash: string | null): Promise<void> {
    await this.refuseTaken(() =>
      this.uow.execute(
        `INSERT INTO "credentials" ("email_key", "user_id", "client_id", "password_hash", "password_changed_at")
         VALUES (:emailKey, :userId, :clientId, :passwordHash, :now) ON CONFLICT ("email_key") DO NOTHING`,
        {
          emailKey: emailKey(email),
          ...idColumns(account),
          passwordHash,
          now: passwordHash === null ? null : this.clock.now(),
        },
      ),
    );
  }

  /**
   * Gives many new accounts their e-mails at once, as `add` does one. Inside a unit of work.
   * @throws Problem `conflict` when one of them is taken; `taken` says which, beforehand
   */
  async addAll(
    accounts: { account: AccountRef; email: string; passwordHash: string | null }[],
  ): Promise<void> {
    const passwordChangedAt = this.clock.now();
    const rows = accounts.map(({ account, email, passwordHash }) => ({
      emailKey: emailKey(email),
      ...idColumns(account),
      passwordHash,
      passwordChangedAt: passwordHash === null ? null : passwordChangedAt,
    }));
    await insertAll(this.uow.manager, Credentials, rows).catch((error: unknown) => {
      throw isUniqueViolation(error, 'pk_credentials') ? emailTaken() : error;
    });
  }

  /** Returns the keys (`emailKey`) of those of the e-mails that accounts have; between some and some others get a turn. */
  async taken(emails: string[]): Promise<Set<string>> {
    const taken = new Set<string>();
    for (let start = 0; start < emails.length; start += KEYS_AT_ONCE) {
      const keys = emails.slice(start, start + KEYS_AT_ONCE).map(emailKey);
      const rows = await this.uow.query<{ key: string }>(
        'SELECT "email_key" AS "key" FROM "credentials" WHERE "email_key" IN (:...keys)',
        { keys },
      );
      for (const { key } of rows) taken.add(key);
      await nextTurn();
    }
    return taken;
  }

  /**
   * Changes an account's e-mail. Inside a unit of work.
   * @throws Problem `conflict` when another account has it
   */
  async changeEmail(account: AccountRef, email: string): Promise<void> {
    await this.refuseTaken(() =>
      this.uow.execute(
        `UPDATE "credentials" SET "email_key" = :emailKey WHERE ${ownerIs(account)}
         AND NOT EXISTS (SELECT 1 FROM "credentials" o WHERE o."email_key" = :emailKey AND NOT (${ownerIs(account, 'o.')}))`,
        { emailKey: emailKey(email), id: account.id },
      ),
    );
  }

  /**
   * Holds an account's row to the end of the unit, as revoking, erasing and removing do: what signs in and what ends
   * all sessions comes one after the other, so that no session begins beside its end. Inside a unit of work.
   */
  async hold({ kind, id }: AccountRef): Promise<void> {
    if (this.uow.dialect === 'sqlite') return; // One writer at a time.
    await this.uow.query(`SELECT 1 FROM "${kind}s" WHERE "id" = :id FOR NO KEY UPDATE`, { id });
  }

  /** Sets an account's password. Inside a unit of work. */
  async setPassword(account: AccountRef, passwordHash: string): Promise<void> {
    await this.uow.manager.update(Credentials, idWhere(account), {
      passwordHash,
      passwordChangedAt: this.clock.now(),
    });
  }

  /** Replaces the hash of the same password, unless the password was changed in between. */
  async rehash(account: AccountRef, from: string, to: string): Promise<void> {
    await this.uow.manager.update(
      Credentials,
      { ...idWhere(account), passwordHash: from },
      { passwordHash: to },
    );
  }

  /** Takes an account's e-mail and password away; the e-mail is free again. Inside a unit of work. */
  async remove(account: AccountRef): Promise<void> {
    await this.uow.manager.delete(Credentials, idWhere(account));
  }

  /** Returns the account with this e-mail, however it is written, or undefined. */
  async findByEmail(email: string): Promise<AccountRow | undefined> {
    return this.uow.get(accountByEmailKey, { emailKey: emailKey(email) });
  }

  /** Returns an account, or undefined when it was removed or erased. */
  async find({ kind, id }: AccountRef): Promise<AccountRow | undefined> {
    return this.uow.get(kind === 'user' ? accountByUserId : accountByClientId, { id });
  }

  private async refuseTaken(write: () => Promise<number>): Promise<void> {
    const written = await write().catch((error: unknown) => {
      // Somebody else took it at the same instant; the unit ends with the conflict.
      throw isUniqueViolation(error, 'pk_credentials') ? emailTaken() : error;
    });
    if (written === 0) throw emailTaken();
  }
}

/** 409: the e-mail belongs to another account. */
export function emailTaken(): Problem {
  return conflict('Another account has this e-mail.');
}

/** Returns the columns that name an account in a row that belongs to a user or a client. */
export function idColumns({ kind, id }: AccountRef): { userId: string | null; clientId: string | null } {
  return kind === 'user' ? { userId: id, clientId: null } : { userId: null, clientId: id };
}

/** Returns the condition that finds an account's rows. */
export function idWhere({ kind, id }: AccountRef): { userId: string } | { clientId: string } {
  return kind === 'user' ? { userId: id } : { clientId: id };
}

/** Returns whose row this is. */
export function refOf({ userId, clientId }: Pick<AccountRow, 'userId' | 'clientId'>): AccountRef {
  return userId !== null ? { kind: 'user', id: userId } : { kind: 'client', id: clientId as string };
}

function ownerIs({ kind }: AccountRef, alias = ''): string {
  return `${alias}"${kind}_id" = :id`;
}
