import { Injectable, Logger } from '@nestjs/common';
import { IsNull } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { shown } from '../audit/changes.js';
import { after, Clock, MINUTE } from '../common/clock.js';
import { digest, newId, newSecret } from '../common/ids.js';
import { type ListQuery, Lists, type Page } from '../common/pagination.js';
import { invalid, notFound } from '../common/problem.js';
import type { ColumnTypes } from '../database/sql.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import type { KeyPrincipal } from './access.js';
import { ApiKey } from './api-key.entity.js';
import type { ApiKeyDto, NewApiKeyDto, NewApiKeyInput } from './api-keys.dto.js';
import { apiKeyByHash, stampApiKey } from './auth.queries.js';

/** Stands before every key, so that one that leaked is known for what it is. */
const PREFIX = 'eck_';

/** Exactly one key after the scheme (RFC 6750, 2.1). */
const BEARER = /^Bearer +(eck_\S*)$/i;

/** How exactly the last use is known. */
const USE_RECORDED_EVERY = MINUTE;

/** Returns what an Authorization header holds in place of a key, or undefined where it holds something else. */
export function apiKeyOf(authorization: string | undefined): string | undefined {
  return BEARER.exec(authorization ?? '')?.[1];
}

const maker = (column: string) =>
  `(SELECT u."${column}" FROM "users" u WHERE u."id" = "api_keys"."created_by_id")`;
const columns = `"id", "name", "scopes", "expires_at" AS "expiresAt", "created_at" AS "createdAt",
  "created_by_id" AS "createdById", ${maker('name')} AS "createdByName",
  ${maker('removed_at')} AS "createdByRemovedAt", "last_used_at" AS "lastUsedAt"`;
const types: ColumnTypes<ApiKeyDto> = {
  scopes: 'json',
  expiresAt: 'instant',
  createdAt: 'instant',
  createdByRemovedAt: 'instant',
  lastUsedAt: 'instant',
};

/** Keys by which other services call the API: scoped, expiring, stored as SHA-256. */
@Injectable()
export class ApiKeysService {
  private readonly logger = new Logger(ApiKeysService.name);

  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly lists: Lists,
    private readonly idempotency: IdempotencyService,
    private readonly audit: AuditService,
  ) {}

  /** Returns a page of the keys that were not removed. */
  list(query: ListQuery): Promise<Page<ApiKeyDto>> {
    return this.lists.page<ApiKeyDto>(
      {
        select: columns,
        from: '"api_keys"',
        where: ['"removed_at" IS NULL'],
        types,
        id: '"id"',
        sorts: {
          createdAt: { expression: '"created_at"', kind: 'instant' },
          expiresAt: { expression: '"expires_at"', kind: 'instant' },
          name: { expression: '"name"', kind: 'text' },
        },
        defaultSort: '-createdAt',
      },
      query,
    );
  }

  /** Returns a key, without its secret. @throws Problem `not-found` */
  async get(id: string): Promise<ApiKeyDto> {
    const [key] = await this.uow.query<ApiKeyDto>(
      `SELECT ${columns} FROM "api_keys" WHERE "id" = :id AND "removed_at" IS NULL`,
      { id },
      types,
    );
    if (!key) throw notFound();
    return key;
  }

  /**
   * Makes a key; the answer is the only place where it can be seen.
   * @throws Problem `validation` naming `expiresAt` when that is not later than now
   */
  create(input: NewApiKeyInput, createdById: string): Promise<NewApiKeyDto> {
    return this.idempotency.run<NewApiKeyDto>(async () => {
      const createdAt = this.clock.now();
      if (input.expiresAt <= createdAt) throw invalid('expiresAt', 'must be later than now');
      const secret = PREFIX + newSecret();
      const key: ApiKey = {
        id: newId(),
        ...input,
        keyHash: digest(secret),
        createdAt,
        createdById,
        lastUsedAt: null,
        removedAt: null,
      };
      await this.uow.manager.insert(ApiKey, key);
      this.audit.record({
        action: 'api-key.created',
        entityType: 'api-key',
        entityId: key.id,
        after: shown(key, ['name', 'scopes', 'expiresAt']),
      });
      return { ...(await this.get(key.id)), key: secret };
    }, ['key']);
  }

  /** Removes a key; the row stays, because grants name who made them. @throws Problem `not-found` */
  async remove(id: string): Promise<void> {
    await this.uow.run(async (manager) => {
      const removed = { removedAt: this.clock.now() };
      const { affected } = await manager.update(ApiKey, { id, removedAt: IsNull() }, removed);
      if (affected !== 1) throw notFound();
      this.audit.record({ action: 'api-key.removed', entityType: 'api-key', entityId: id });
    });
  }

  /** Returns who calls with this key, or undefined where it is unknown, removed or expired; notes its use. */
  async principal(secret: string): Promise<KeyPrincipal | undefined> {
    const now = this.clock.now();
    const key = await this.uow.get(apiKeyByHash, { keyHash: digest(secret), now });
    if (!key) return undefined;
    const { id, scopes, lastUsedAt } = key;
    const before = after(now, -USE_RECORDED_EVERY);
    if (lastUsedAt === null || lastUsedAt <= before) {
      // Only a note: the call goes on also while nothing can be written.
      await this.uow
        .execute(stampApiKey, { id, now, before })
        .catch((error: unknown) => this.logger.warn(error));
    }
    return { kind: 'key', id, scopes };
  }
}
