import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, QueryRunner } from 'typeorm';
import type { IsolationLevel } from 'typeorm/driver/types/IsolationLevel.js';
import { OutsideUnitOfWorkError } from './errors.js';
import type { StatementRunner } from './sql.js';

export interface UnitOptions {
  /** PostgreSQL only, READ COMMITTED by default; SQLite's writers are always serial. */
  isolation?: IsolationLevel;
  /**
   * It is short and waits for nothing but its database. SQLite then commits several such units of different callers at
   * once, each whole or not at all; everyone's answer waits for that COMMIT.
   */
  brief?: boolean;
}

/** A query runner that a unit of work can close for stragglers before COMMIT or ROLLBACK. */
export interface UnitRunner extends QueryRunner, StatementRunner {
  begin(options: UnitOptions): Promise<void>;
  /** From now on only COMMIT, ROLLBACK and release: what a forgotten promise still asks for must not run after them. */
  seal(): void;
}

/** One unit of work while it runs. */
export interface Unit {
  readonly dataSource: DataSource;
  readonly runner: UnitRunner;
  readonly state: Map<symbol | string, unknown>;
  readonly beforeCommit: (() => Promise<void>)[];
  /** The first error of a nested call: the whole unit fails with it, also if the caller went on. */
  failure?: unknown;
  ended: boolean;
}

const units = new AsyncLocalStorage<Unit>();

/** Runs `work` as part of `unit`, with all that it awaits. */
export function withinUnit<T>(unit: Unit, work: () => Promise<T>): Promise<T> {
  return units.run(unit, work);
}

/** The unit of work that the running code is part of, on this data source. */
export function currentUnit(dataSource: DataSource): Unit | undefined {
  const unit = units.getStore();
  return unit && !unit.ended && unit.dataSource === dataSource ? unit : undefined;
}

/**
 * The guard: inside a unit, only the unit's own runner may speak to its database. Another one would not see the
 * unit's writes, would wait for the lane that the unit holds, and would starve PostgreSQL's pool.
 * @throws OutsideUnitOfWorkError
 */
export function assertBelongsToUnit(runner: QueryRunner): void {
  const unit = currentUnit(runner.dataSource);
  if (unit && unit.runner !== runner) throw new OutsideUnitOfWorkError();
}
