import { counter, histogram } from '../common/metrics.js';

export const querySeconds = histogram(
  'database_query_seconds',
  'How long SQL statements took, without the wait for a connection or the write lane.',
  ['statement'],
);

export const slowQueries = counter(
  'database_slow_queries_total',
  'Statements that took longer than the setting log.slowQueryMs.',
);

/** `connect`: at the start or after a loss · `pool`: none was free in time · `query`: lost in use · `idle`: lost unused. */
export const connectionFailures = counter(
  'database_connection_failures_total',
  'Connections to the database that could not be made or were lost.',
  ['stage'],
);
for (const stage of ['connect', 'pool', 'query', 'idle'] as const) connectionFailures.inc({ stage }, 0);

export const laneWaitSeconds = histogram(
  'write_lane_wait_seconds',
  'SQLite: how long writes waited for their turn.',
);

export const laneTimeouts = counter(
  'write_lane_timeouts_total',
  'SQLite: writes answered by 503 because their turn did not come in WRITE_LANE_TIMEOUT_MS.',
);
