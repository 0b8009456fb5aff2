import type { DatabaseUrl, PostgresUrl } from './database-url.js';

/** What the database layer needs to know; `src/config` fills it from the environment. */
export interface DatabaseSettings {
  readonly url: DatabaseUrl;
  /** Never create a missing SQLite file: in production an empty database would hide a lost volume. */
  readonly mustExist: boolean;
  /** SQLite: run beside the server instead of claiming the file; for reads and short writes of the command line. */
  readonly besideServer: boolean;
  /** SQLite: FULL keeps every acknowledged write through a power loss, NORMAL through a crash of the process. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** SQLite: how long a write may wait for its turn, and for another process, before it is answered by 503. */
  readonly laneTimeoutMs: number;
  /** Connections that one process holds to PostgreSQL. */
  readonly poolSize: number;
  /** How long a query may wait for a connection, free or new. */
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  /** A transaction in which nothing happens for so long is rolled back, on both databases. */
  readonly idleTxTimeoutMs: number;
  readonly idleConnectionMs: number;
  readonly maxConnectionAgeS: number;
  /** A read replica, for analytics. */
  readonly replicaUrl?: PostgresUrl;
}

/** What holds where the environment says nothing else. */
export const databaseDefaults: Omit<DatabaseSettings, 'url'> = {
  mustExist: false,
  besideServer: false,
  synchronous: 'FULL',
  laneTimeoutMs: 5_000,
  poolSize: 10,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 15_000,
  lockTimeoutMs: 5_000,
  idleTxTimeoutMs: 15_000,
  idleConnectionMs: 30_000,
  maxConnectionAgeS: 3_600,
};
