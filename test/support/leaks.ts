import type { DataSource } from 'typeorm';
import { UnitPostgresDriver } from '../../src/database/postgres/unit-driver.js';
import { LaneSqliteDriver } from '../../src/database/sqlite/lane-driver.js';

/** What units of work left behind: connections not given back, a lane not left, a transaction not ended. */
export function leaks({ driver }: DataSource): string[] {
  const found: string[] = [];
  if (driver instanceof UnitPostgresDriver) {
    const { total, idle, waiting } = driver.poolState;
    if (total > idle) found.push(`${total - idle} of ${total} connections are not back in the pool`);
    if (waiting > 0) found.push(`${waiting} callers wait for a connection`);
    if (driver.connectedQueryRunners.length > 0) found.push('query runners are not released');
  }
  if (driver instanceof LaneSqliteDriver) {
    if (driver.lane.occupied) found.push('the lane is not left');
    if (driver.lane.waiting > 0) found.push(`${driver.lane.waiting} callers wait for the lane`);
    if (driver.writer.database.inTransaction) found.push('a transaction is open');
  }
  return found;
}
