import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from './database.js';
import { DatabaseUnavailableError, OutsideUnitOfWorkError, isSerializationFailure } from './errors.js';
import { currentUnit, withinUnit, type Unit, type UnitOptions, type UnitRunner } from './unit-context.js';

/** How long a transaction is tried again that PostgreSQL gives up for another one. */
const retryMs = 5_000;

/** Use cases run in a unit of work: one transaction, joined by whatever they call. */
@Injectable()
export class UnitOfWork extends Database {
  /**
   * Runs `work` in one transaction and returns what it returns, after COMMIT. Within another unit it joins that one;
   * an error then ends the whole unit, also when the caller swallows it.
   *
   * `work` runs again when PostgreSQL reports a deadlock or a serialization failure: keep everything that is not the
   * database out of it (no network, no password hashing).
   * @throws what `work` throws, after ROLLBACK · DatabaseUnavailableError where the database can't answer in time ·
   *   TransactionAbortedError where `work` swallowed a failed statement
   */
  async run<T>(work: (em: EntityManager) => Promise<T>, options: UnitOptions = {}): Promise<T> {
    const outer = currentUnit(this.dataSource);
    if (outer) return join(outer, work);
    this.assertConnected();
    const deadline = performance.now() + retryMs;
    for (let pause = 10; ; pause = Math.min(pause * 2, 200)) {
      try {
        return await this.attempt(work, options);
      } catch (error) {
        if (!isSerializationFailure(error)) throw error;
        if (performance.now() > deadline)
          throw new DatabaseUnavailableError('The database is busy with other work.', { cause: error });
      }
      await sleep(Math.random() * pause);
    }
  }

  /**
   * The unit's manager inside a unit of work, else the one that reads outside of transactions.
   * @throws DatabaseUnavailableError while there is no connection
   */
  get manager(): EntityManager {
    const unit = currentUnit(this.dataSource);
    if (unit) return unit.runner.manager;
    this.assertConnected();
    return this.dataSource.manager;
  }

  /**
   * Adds what shall run last in the outermost unit, once, just before COMMIT, in the order of the calls.
   * @throws OutsideUnitOfWorkError outside of a unit
   */
  beforeCommit(hook: () => Promise<void>): void {
    const unit = currentUnit(this.dataSource);
    if (!unit) throw new OutsideUnitOfWorkError('beforeCommit needs a unit of work.');
    unit.beforeCommit.push(hook);
  }

  /** What the running unit keeps for its parts; a retry starts with an empty one. Undefined outside of a unit. */
  get state(): Map<symbol | string, unknown> | undefined {
    return currentUnit(this.dataSource)?.state;
  }

  private async attempt<T>(work: (em: EntityManager) => Promise<T>, options: UnitOptions): Promise<T> {
    const runner = this.dataSource.createQueryRunner() as UnitRunner;
    const unit: Unit = {
      dataSource: this.dataSource,
      runner,
      state: new Map(),
      beforeCommit: [],
      ended: false,
    };
    try {
      await runner.begin(options);
      const result = await withinUnit(unit, async () => {
        const value = await work(runner.manager);
        // A hook may add another one.
        for (const hook of unit.beforeCommit) await hook();
        return value;
      });
      runner.seal();
      if ('failure' in unit) throw unit.failure;
      await runner.commitTransaction();
      return result;
    } catch (error) {
      runner.seal();
      if (runner.isTransactionActive) await runner.rollbackTransaction();
      throw error;
    } finally {
      unit.ended = true;
      await runner.release();
    }
  }
}

async function join<T>(unit: Unit, work: (em: EntityManager) => Promise<T>): Promise<T> {
  try {
    return await work(unit.runner.manager);
  } catch (error) {
    if (!('failure' in unit)) unit.failure = error;
    throw error;
  }
}
