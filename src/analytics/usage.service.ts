import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids.js';
import { insertAll } from '../database/bulk.js';
import { prepare } from '../database/sql.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { UsageEvent } from './usage.entity.js';

/** What happened in a demo session. */
export interface Usage {
  kind: 'opened' | 'activated' | 'ended';
  at: Date;
  session: { id: string; demoId: string; clientId: string; openedAt: Date };
  /** Of a session that ended. */
  durationSeconds?: number;
}

/** What usage adds to one row of a rollup. */
interface Gain {
  day: string;
  demoId: string;
  clientId: string;
  opens: number;
  durationSeconds: number;
  lastOpenedAt: Date;
}

const addToDemo = prepare(
  'usage-add-to-demo',
  `INSERT INTO "usage_daily" ("day", "demo_id", "client_id", "opens", "duration_seconds", "last_opened_at")
   VALUES (:day, :demoId, :clientId, :opens, :durationSeconds, :lastOpenedAt)
   ON CONFLICT ("day", "demo_id", "client_id") DO UPDATE SET
     "opens" = "usage_daily"."opens" + excluded."opens",
     "duration_seconds" = "usage_daily"."duration_seconds" + excluded."duration_seconds",
     "last_opened_at" = CASE WHEN excluded."last_opened_at" > "usage_daily"."last_opened_at"
       THEN excluded."last_opened_at" ELSE "usage_daily"."last_opened_at" END`,
);
const addToClient = prepare<{ opens: number }>(
  'usage-add-to-client',
  `INSERT INTO "usage_daily_clients" ("day", "client_id", "opens", "duration_seconds", "last_opened_at")
   VALUES (:day, :clientId, :opens, :durationSeconds, :lastOpenedAt)
   ON CONFLICT ("day", "client_id") DO UPDATE SET
     "opens" = "usage_daily_clients"."opens" + excluded."opens",
     "duration_seconds" = "usage_daily_clients"."duration_seconds" + excluded."duration_seconds",
     "last_opened_at" = CASE WHEN excluded."last_opened_at" > "usage_daily_clients"."last_opened_at"
       THEN excluded."last_opened_at" ELSE "usage_daily_clients"."last_opened_at" END
   RETURNING "opens"`,
);
const addToDay = prepare(
  'usage-add-to-day',
  `INSERT INTO "usage_daily_totals" ("day", "opens", "unique_clients", "duration_seconds")
   VALUES (:day, :opens, :newClients, :durationSeconds)
   ON CONFLICT ("day") DO UPDATE SET
     "opens" = "usage_daily_totals"."opens" + excluded."opens",
     "unique_clients" = "usage_daily_totals"."unique_clients" + excluded."unique_clients",
     "duration_seconds" = "usage_daily_totals"."duration_seconds" + excluded."duration_seconds"`,
);

/** Writes usage events and the daily rollups that analytics reads. */
@Injectable()
export class UsageService {
  constructor(private readonly uow: UnitOfWork) {}

  /**
   * Writes what happened, in the unit of work of the change itself; opens and durations count on the UTC day on which
   * the session was opened. Call it once a unit: rollup rows are locked in one order, so that no two units deadlock.
   */
  async record(usages: readonly Usage[]): Promise<void> {
    if (usages.length === 0) return;
    await insertAll(this.uow.manager, UsageEvent, usages.map(eventOf));
    const gains = usages.filter(({ kind }) => kind !== 'activated').map(gainOf);
    for (const gain of summed(gains, ({ day, demoId, clientId }) => day + demoId + clientId)) {
      await this.uow.execute(addToDemo, { ...gain });
    }
    const newClients = new Map<string, number>();
    for (const gain of summed(gains, ({ day, clientId }) => day + clientId)) {
      const row = await this.uow.get(addToClient, { ...gain });
      if (gain.opens > 0 && row?.opens === gain.opens) {
        newClients.set(gain.day, (newClients.get(gain.day) ?? 0) + 1);
      }
    }
    for (const gain of summed(gains, ({ day }) => day)) {
      await this.uow.execute(addToDay, { ...gain, newClients: newClients.get(gain.day) ?? 0 });
    }
  }
}

function eventOf({ kind, at, session, durationSeconds }: Usage): UsageEvent {
  const { id, demoId, clientId } = session;
  return {
    id: newId(),
    demoSessionId: id,
    demoId,
    clientId,
    kind,
    at,
    durationSeconds: durationSeconds ?? null,
  };
}

function gainOf({ kind, session, durationSeconds = 0 }: Usage): Gain {
  const { demoId, clientId, openedAt } = session;
  const day = openedAt.toISOString().slice(0, 10);
  return {
    day,
    demoId,
    clientId,
    opens: kind === 'opened' ? 1 : 0,
    durationSeconds,
    lastOpenedAt: openedAt,
  };
}

/** Adds up the gains that share a key, in the order of the keys. */
function summed(gains: readonly Gain[], keyOf: (gain: Gain) => string): Gain[] {
  const sums = new Map<string, Gain>();
  for (const gain of gains) {
    const sum = sums.get(keyOf(gain));
    if (!sum) {
      sums.set(keyOf(gain), { ...gain });
      continue;
    }
    sum.opens += gain.opens;
    sum.durationSeconds += gain.durationSeconds;
    if (gain.lastOpenedAt > sum.lastOpenedAt) sum.lastOpenedAt = gain.lastOpenedAt;
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}
