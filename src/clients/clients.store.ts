import { Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';
import { versionMismatch } from '../common/etag.js';
import { newId } from '../common/ids.js';
import { notFound } from '../common/problem.js';
import { insertAll } from '../database/bulk.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { Client, ClientAccessChange } from './client.entity.js';

/** The rows of clients: every write goes through here, so that none forgets the version or the window's history. */
@Injectable()
export class ClientStore {
  constructor(private readonly uow: UnitOfWork) {}

  /**
   * Reads a client.
   * @throws Problem `not-found` when there is none, or it was erased
   */
  async get(id: string): Promise<Client> {
    const client = await this.uow.manager.findOneBy(Client, { id, erasedAt: IsNull() });
    if (!client) throw notFound();
    return client;
  }

  /**
   * Reads a client for a change: until the unit of work ends nobody else changes it, or opens a demo as this client.
   * First in a unit, so that units wait for each other in one order.
   * @throws Problem `not-found`
   */
  async lock(id: string): Promise<Client> {
    const found = this.uow.manager.createQueryBuilder(Client, 'client').where({ id, erasedAt: IsNull() });
    // SQLite's units are serial already.
    if (this.uow.dialect === 'postgres') found.setLock('for_no_key_update');
    const client = await found.getOne();
    if (!client) throw notFound();
    return client;
  }

  /** Adds a client, with the first line of its window's history. Inside a unit of work. */
  async insert(client: Client): Promise<void> {
    await this.uow.manager.insert(Client, client);
    await this.remember(client, client.createdAt);
  }

  /** Adds many clients, as `insert` does one. Inside a unit of work. */
  async insertAll(clients: Client[]): Promise<void> {
    await insertAll(this.uow.manager, Client, clients);
    await insertAll(
      this.uow.manager,
      ClientAccessChange,
      clients.map((client) => changeOf(client, client.createdAt)),
    );
  }

  /**
   * Changes a client that was read in this unit of work, by compare-and-set on its version.
   * @returns the client as it is now
   * @throws Problem `version-mismatch` when somebody else changed it in between
   */
  async change(client: Client, patch: Partial<Client>, now: Date): Promise<Client> {
    const written = { ...patch, version: client.version + 1, updatedAt: now };
    const { id, version } = client;
    const { affected } = await this.uow.manager.update(Client, { id, version }, written);
    if (affected !== 1) throw versionMismatch();
    const changed = { ...client, ...written };
    if ('accessEndsAt' in patch || 'revokedAt' in patch) await this.remember(changed, now);
    return changed;
  }

  private async remember(client: Client, at: Date): Promise<void> {
    await this.uow.manager.insert(ClientAccessChange, changeOf(client, at));
  }
}

function changeOf(client: Client, at: Date): ClientAccessChange {
  const { id: clientId, accessStartsAt, accessEndsAt, revokedAt } = client;
  return { id: newId(), clientId, at, accessStartsAt, accessEndsAt, revokedAt };
}
