import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { dialectOf } from './sql.js';

/** Rows of one INSERT: SQLite takes 32,766 parameters, PostgreSQL 65,535. */
const ROWS = 500;

/**
 * Inserts many rows, some at a time, letting others in between. Inside a unit of work. The statement is written here:
 * TypeORM's builder takes four times as long as SQLite does for the rows, and meanwhile nobody else writes.
 */
export async function insertAll<Entity extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Entity>,
  rows: readonly QueryDeepPartialEntity<Entity>[],
  progress?: (done: number, total: number) => void,
): Promise<void> {
  const { driver } = manager.dataSource;
  const { tableName, columns } = manager.dataSource.getMetadata(entity);
  // What no row gives is left to the table's default.
  const given = columns.filter((column) => rows.some((row) => column.getEntityValue(row) !== undefined));
  const names = given.map(({ databaseName }) => `"${databaseName}"`).join(', ');
  const postgres = dialectOf(manager.dataSource) === 'postgres';
  for (let start = 0; start < rows.length; start += ROWS) {
    const some = rows.slice(start, start + ROWS);
    const values = some.flatMap((row) =>
      given.map(
        (column): unknown => driver.preparePersistentValue(column.getEntityValue(row), column) ?? null,
      ),
    );
    const places = some.map((_, index) => {
      const first = index * given.length + 1;
      return `(${given.map((_column, place) => (postgres ? `$${first + place}` : '?')).join(', ')})`;
    });
    await manager.query(`INSERT INTO "${tableName}" (${names}) VALUES ${places.join(', ')}`, values);
    progress?.(Math.min(start + ROWS, rows.length), rows.length);
    if (start + ROWS < rows.length) await nextTurn();
  }
}
