import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import canonicalize from 'canonicalize';
import type { FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { after, Clock, DAY } from '../common/clock.js';
import { invalid, Problem } from '../common/problem.js';
import { requestContext } from '../common/request-context.js';
import { Signer } from '../common/signer.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { IdempotencyKey } from './idempotency.entity.js';

/** Printable ASCII without spaces. */
const KEY = /^[!-~]{1,255}$/;

/** How long a key is remembered (api.md, Conventions). */
const KEPT = DAY;

/** Takes the Idempotency-Key of a POST that creates; the service runs its unit by `IdempotencyService.run`. */
@Injectable()
class IdempotencyInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    if (key !== undefined) {
      if (typeof key !== 'string' || !KEY.test(key)) {
        throw invalid('Idempotency-Key', 'must be 1 to 255 printable ASCII characters');
      }
      requestContext().idempotency = { key, request: textOf(request) };
    }
    return next.handle();
  }
}

function textOf(request: FastifyRequest): string {
  const path = request.url.split('?', 1)[0];
  return `${request.method} ${path}\n${canonicalize(request.body ?? {}) ?? ''}`;
}

/** Marks a POST that creates and accepts an Idempotency-Key. */
export function Idempotent(): MethodDecorator {
  return applyDecorators(
    UseInterceptors(IdempotencyInterceptor),
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description:
        'Repeating the call with the same key and body gives the first answer again, for 24 hours.',
      schema: { type: 'string', pattern: KEY.source },
    }),
  );
}

/**
 * Makes a keyed POST happen once. The key is claimed and the answer kept in the same unit of work as the change, so
 * that neither is there without the other, whatever is killed in between.
 */
@Injectable()
export class IdempotencyService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly signer: Signer,
  ) {}

  /**
   * Runs `work` as a unit of work, or returns the first answer when the call's key was used before.
   * @param work returns the answer's body
   * @param secrets fields that are shown once: left out of what is kept and so of a repeated answer
   * @throws Problem `idempotency-mismatch` when the key was used with another request
   */
  async run<T extends object>(work: () => Promise<T>, secrets: (keyof T)[] = []): Promise<T> {
    const { idempotency, actor } = requestContext();
    if (!idempotency || actor.id === null) return this.uow.run(work);
    const { key, request } = idempotency;
    const row = { accountId: actor.id, key };
    return this.uow.run(async (manager) => {
      const now = this.clock.now();
      await this.removeExpired();
      const keys = manager.getRepository(IdempotencyKey);
      // A second call with the key waits here for the first one's commit.
      await keys
        .createQueryBuilder()
        .insert()
        .values({ ...row, requestHash: this.signer.sign(request), answer: null, createdAt: now })
        .orIgnore()
        .execute();
      const claimed = await keys.findOneByOrFail(row);
      if (!this.signer.verify(request, claimed.requestHash)) {
        throw new Problem('idempotency-mismatch', 'The Idempotency-Key was used with another request.');
      }
      if (claimed.answer !== null) return JSON.parse(claimed.answer) as T;
      const answer = await work();
      const kept = Object.fromEntries(
        Object.entries(answer).filter(([field]) => !secrets.includes(field as keyof T)),
      );
      await keys.update(row, { answer: JSON.stringify(kept) });
      return answer;
    });
  }

  /** Removes the keys that are not remembered any longer. Inside a unit of work. @returns how many */
  removeExpired(): Promise<number> {
    return this.uow.execute(`DELETE FROM "idempotency_keys" WHERE "created_at" <= :before`, {
      before: after(this.clock.now(), -KEPT),
    });
  }

  /** Forgets every kept answer that tells of an erased account. Inside a unit of work. */
  async forget(accountId: string): Promise<void> {
    await this.uow.execute(
      `DELETE FROM "idempotency_keys" WHERE "account_id" = :accountId OR "answer" LIKE :naming`,
      {
        accountId,
        naming: `%"${accountId}"%`,
      },
    );
  }
}
