import { Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { changes, shown } from '../audit/changes.js';
import { Clock } from '../common/clock.js';
import { requireMatch } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { Lists, type Page } from '../common/pagination.js';
import { conflict, notFound } from '../common/problem.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { AccountTokensService } from './account-tokens.service.js';
import { CredentialsService } from './credentials.service.js';
import { PasswordsService } from './passwords.service.js';
import { SecondFactorsService } from './second-factors.service.js';
import { SessionsService } from './sessions.service.js';
import { User } from './user.entity.js';
import {
  type NewUserDto,
  type NewUserInput,
  toUserDto,
  type UserDto,
  type UserPatch,
  type UserQuery,
} from './users.dto.js';

/** Administrators' accounts. At least one administrator stays. */
@Injectable()
export class UsersService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly lists: Lists,
    private readonly idempotency: IdempotencyService,
    private readonly audit: AuditService,
    private readonly credentials: CredentialsService,
    private readonly passwords: PasswordsService,
    private readonly accountTokens: AccountTokensService,
    private readonly secondFactors: SecondFactorsService,
    private readonly sessions: SessionsService,
  ) {}

  /** Returns a page of users. */
  list(query: UserQuery): Promise<Page<UserDto>> {
    return this.lists.page<UserDto>(
      {
        select: `"id", "name", "email", "role", "language", "version", "created_at" AS "createdAt", "updated_at" AS "updatedAt"`,
        from: '"users"',
        where: ['"removed_at" IS NULL', query.role && '"role" = :role'],
        parameters: { role: query.role },
        types: { createdAt: 'instant', updatedAt: 'instant' },
        id: '"id"',
        sorts: {
          createdAt: { expression: '"created_at"', kind: 'instant' },
          name: { expression: '"name"', kind: 'text' },
          email: { expression: '"email"', kind: 'text' },
        },
        defaultSort: '-createdAt',
      },
      query,
    );
  }

  /** Returns a user. @throws Problem `not-found` */
  async get(id: string): Promise<UserDto> {
    return toUserDto(await this.find(id));
  }

  /**
   * Makes a user, with a password or with an invitation, which is shown once.
   * @throws Problem `validation` naming `password`, `conflict` when the e-mail is taken
   */
  async create({ password, ...input }: NewUserInput): Promise<NewUserDto> {
    const passwordHash =
      password === undefined
        ? null
        : await this.passwords.hashNew(password, {
            owner: 'user',
            terms: [input.name, input.email],
          });
    return this.idempotency.run<NewUserDto>(async () => {
      const now = this.clock.now();
      const user: User = {
        id: newId(),
        ...input,
        version: 1,
        createdAt: now,
        updatedAt: now,
        removedAt: null,
      };
      await this.uow.manager.insert(User, user);
      const ref = { kind: 'user', id: user.id } as const;
      await this.credentials.add(ref, input.email, passwordHash);
      const after = shown(user, ['name', 'email', 'role', 'language']);
      this.audit.record({ action: 'user.created', entityType: 'user', entityId: user.id, after });
      if (passwordHash !== null) return toUserDto(user);
      return { ...toUserDto(user), invitation: await this.accountTokens.issueInvitation(ref) };
    }, ['invitation']);
  }

  /**
   * Changes a user. A role that is lost is lost with the next request.
   * @throws Problem `not-found`, `precondition-required`, `version-mismatch`, `conflict` (e-mail taken, last administrator)
   */
  async change(id: string, patch: UserPatch, ifMatch: string | undefined): Promise<UserDto> {
    return this.uow.run(async () => {
      const admins = patch.role === 'viewer' ? await this.holdAdministrators() : [];
      const user = await this.hold(id);
      requireMatch(user.version, ifMatch);
      const changed = changes<User>(user, patch);
      if (!changed) return toUserDto(user);
      if (user.role === 'admin' && patch.role === 'viewer') assertAnother(admins, id);
      if (changed.after.email !== undefined) {
        const account = { kind: 'user', id } as const;
        await this.credentials.changeEmail(account, patch.email!);
        // Links went to the old address, which may be somebody else's.
        await this.accountTokens.removeAll(account);
      }
      const next: User = { ...user, ...patch, version: user.version + 1, updatedAt: this.clock.now() };
      await this.uow.manager.update(User, { id }, next);
      this.audit.record({ action: 'user.updated', entityType: 'user', entityId: id, ...changed });
      return toUserDto(next);
    });
  }

  /**
   * Removes a user: the sessions end and the e-mail is free again. The name stays with what the user did.
   * @throws Problem as `change`
   */
  async remove(id: string, ifMatch: string | undefined): Promise<void> {
    await this.uow.run(async () => {
      const admins = await this.holdAdministrators();
      const user = await this.hold(id);
      requireMatch(user.version, ifMatch);
      if (user.role === 'admin') assertAnother(admins, id);
      const ref = { kind: 'user', id } as const;
      const now = this.clock.now();
      const nobody = { email: null, removedAt: now, version: user.version + 1, updatedAt: now };
      await this.uow.manager.update(User, { id }, nobody);
      await this.credentials.remove(ref);
      await this.accountTokens.removeAll(ref);
      await this.secondFactors.forget(id);
      await this.sessions.endAll(ref, 'account-removed');
      this.audit.record({ action: 'user.removed', entityType: 'user', entityId: id });
    });
  }

  private async find(id: string): Promise<User> {
    const user = await this.uow.manager.findOneBy(User, { id, removedAt: IsNull() });
    if (!user) throw notFound();
    return user;
  }

  /** Reads a user and holds it for the rest of the unit: of two who change it at once the later sees the earlier. */
  private async hold(id: string): Promise<User> {
    const query = this.uow.manager.createQueryBuilder(User, 'u').where({ id, removedAt: IsNull() });
    if (this.uow.dialect === 'postgres') query.setLock('for_no_key_update');
    const user = await query.getOne();
    if (!user) throw notFound();
    return user;
  }

  /**
   * Holds all administrators' rows, so that two who remove each other at once do not both succeed. Before any other
   * row, or they would wait for each other.
   */
  private async holdAdministrators(): Promise<string[]> {
    const others = `SELECT "id" FROM "users" WHERE "role" = 'admin' AND "removed_at" IS NULL`;
    const admins = await this.uow.query<{ id: string }>({
      sqlite: others,
      postgres: `${others} ORDER BY "id" FOR NO KEY UPDATE`,
    });
    return admins.map(({ id }) => id);
  }
}

function assertAnother(admins: readonly string[], leaving: string): void {
  if (!admins.some((id) => id !== leaving)) throw conflict('This is the last administrator.');
}
