import { calendarBucket } from './analytics.rules.js';
import type { UsageClientBucket, UsageDaily, UsageDailyClient, UsageDailyTotal } from './usage.entity.js';
import type { CountedUsage } from './usage-upkeep.queries.js';

/** The three rollups of one day. */
export interface UsageDay {
  demos: UsageDaily[];
  clients: UsageDailyClient[];
  totals: UsageDailyTotal[];
}

/** Returns the UTC day of an instant, `YYYY-MM-DD`. */
export function dayOf(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}

/** Buckets longer than a day. */
export const longBuckets = ['month', 'week'] as const;

/** Returns the weeks and months in which clients of some days opened something: each once, always in the same order. */
export function bucketKeys(clients: ReadonlyMap<string, readonly string[]>): UsageClientBucket[] {
  const keys = new Map<string, UsageClientBucket>();
  for (const [day, ids] of clients)
    for (const bucket of longBuckets) {
      const start = calendarBucket(day, bucket).first;
      for (const clientId of ids) keys.set(bucket + start + clientId, { bucket, start, clientId });
    }
  return [...keys].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, key]) => key);
}

/** Returns the rollups of a day from its usage by demo and client. */
export function dayTotals(day: string, rows: readonly CountedUsage[]): UsageDay {
  const clients = new Map<string, UsageDailyClient>();
  for (const { clientId, opens, durationSeconds, lastOpenedAt } of rows) {
    const sum = clients.get(clientId);
    if (!sum) {
      clients.set(clientId, { day, clientId, opens, durationSeconds, lastOpenedAt });
      continue;
    }
    sum.opens += opens;
    sum.durationSeconds += durationSeconds;
    if (lastOpenedAt > sum.lastOpenedAt) sum.lastOpenedAt = lastOpenedAt;
  }
  const total = { day, opens: 0, uniqueClients: clients.size, durationSeconds: 0 };
  for (const { opens, durationSeconds } of rows) {
    total.opens += opens;
    total.durationSeconds += durationSeconds;
  }
  return {
    demos: rows.map((row) => ({ day, ...row })),
    clients: [...clients.values()],
    totals: rows.length > 0 ? [total] : [],
  };
}

/** Tells whether two say the same, in whatever order. */
export function sameUsage(a: UsageDay, b: UsageDay): boolean {
  return (['demos', 'clients', 'totals'] as const).every(
    (rollup) => linesOf(a[rollup]).join() === linesOf(b[rollup]).join(),
  );
}

function linesOf(rows: readonly object[]): string[] {
  const line = (row: object) => JSON.stringify(Object.entries(row).sort(([x], [y]) => (x < y ? -1 : 1)));
  return rows.map(line).sort();
}
