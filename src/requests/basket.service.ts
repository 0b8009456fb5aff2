import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import type { ClientPrincipal } from '../auth/access.js';
import { ClientStore } from '../clients/clients.store.js';
import { Clock } from '../common/clock.js';
import { conflict, notFound } from '../common/problem.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import type { BasketItemDto } from './basket.dto.js';
import { BasketItem } from './basket.entity.js';
import { MAX_DEMOS, type RequestDto, type SubmitInput } from './requests.dto.js';
import { basketItem, basketItems, putIntoBasket, takeFromBasket } from './requests.queries.js';
import { assertSubmittable } from './requests.rules.js';
import { RequestsService } from './requests.service.js';

/** A client's basket: the demos to ask for, until they are asked for. */
@Injectable()
export class BasketService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly idempotency: IdempotencyService,
    private readonly clients: ClientStore,
    private readonly requests: RequestsService,
  ) {}

  /** Returns a client's basket, what was put in first coming first. */
  list(clientId: string): Promise<BasketItemDto[]> {
    return this.uow.all(basketItems, { clientId });
  }

  /**
   * Reads one of a client's items.
   * @throws Problem `not-found`
   */
  async get(clientId: string, demoId: string): Promise<BasketItemDto> {
    const item = await this.uow.get(basketItem, { clientId, demoId });
    if (!item) throw notFound();
    return item;
  }

  /**
   * Puts a demo into a basket; one that is there stays as it is.
   * @throws Problem 404 for a demo that clients do not see; 409 when the basket is full
   */
  async put(clientId: string, demoId: string): Promise<BasketItemDto> {
    return this.uow.run(async () => {
      // Of two that are put in at once only one may be the last.
      await this.clients.lock(clientId);
      const added = await this.uow.execute(putIntoBasket, { clientId, demoId, now: this.clock.now() });
      if (added > 0 && (await this.list(clientId)).length > MAX_DEMOS) {
        throw conflict(`A basket holds ${MAX_DEMOS} demos at most. Submit it first.`);
      }
      return this.get(clientId, demoId);
    });
  }

  /**
   * Takes a demo out of a basket.
   * @throws Problem `not-found` when it is not in it
   */
  async remove(clientId: string, demoId: string): Promise<void> {
    if ((await this.uow.execute(takeFromBasket, { clientId, demoId })) === 0) throw notFound();
  }

  /**
   * Makes one access request of the basket, which is empty then.
   * @throws Problem 409 when it is empty, a demo in it is no longer in the catalog (nothing is taken out), or an access
   *   request is pending
   */
  submit(me: ClientPrincipal, { message }: SubmitInput): Promise<RequestDto> {
    return this.idempotency.run(async (): Promise<RequestDto> => {
      const items = await this.list(me.id);
      assertSubmittable(items);
      const demoIds = items.map(({ demoId }) => demoId);
      const request = await this.requests.ask(me.id, { kind: 'access', demoIds, message });
      // What was put in meanwhile stays.
      await this.uow.manager.delete(BasketItem, { clientId: me.id, demoId: In(demoIds) });
      return request;
    });
  }
}
