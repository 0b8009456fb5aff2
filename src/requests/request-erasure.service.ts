import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../database/unit-of-work.js';
import { emptyBasket, forgetRequests } from './requests.queries.js';

/** Forgets what an erased client asked for. */
@Injectable()
export class RequestErasureService {
  constructor(private readonly uow: UnitOfWork) {}

  /**
   * Empties what was written in a client's requests, takes back those still pending and empties the basket. Inside the
   * unit of work that erases the client.
   */
  async forget(clientId: string, now: Date): Promise<void> {
    await this.uow.execute(forgetRequests, { clientId, now });
    await this.uow.execute(emptyBasket, { clientId });
  }
}
