import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';

/** Rows of one INSERT: SQLite takes 32,766 parameters, PostgreSQL 65,535. */
const ROWS = 500;

/** Inserts many rows, some at a time, letting others in between. Inside a unit of work. */
export async function insertAll<Entity extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Entity>,
  rows: readonly QueryDeepPartialEntity<Entity>[],
  progress?: (done: number, total: number) => void,
): Promise<void> {
  for (let start = 0; start < rows.length; start += ROWS) {
    await manager.insert(entity, rows.slice(start, start + ROWS));
    progress?.(Math.min(start + ROWS, rows.length), rows.length);
    if (start + ROWS < rows.length) await nextTurn();
  }
}
