import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids.js';
import { insertAll } from '../database/bulk.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { UsageEvent } from './usage.entity.js';
import {
  addEvent,
  addToBucket,
  addToClient,
  addToDay,
  addToDemo,
  markLastDay,
  runningSums,
} from './usage.queries.js';
import { bucketKeys, dayOf } from './usage-upkeep.rules.js';

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
    const [first, ...more] = usages.map(eventOf);
    // An opening writes one: prepared. Many go in together.
    if (more.length === 0) await this.uow.execute(addEvent, { ...first });
    else await insertAll(this.uow.manager, UsageEvent, [first!, ...more]);
    const gains = usages.filter(({ kind }) => kind !== 'activated').map(gainOf);
    const newPairs = new Map<string, { first: string; day: string; demoId: string; clientId: string }>();
    for (const gain of summed(gains, ({ day, demoId, clientId }) => day + demoId + clientId)) {
      const row = await this.uow.get(addToDemo, { ...gain });
      if (gain.opens === 0 || row?.opens !== gain.opens) continue;
      const { day, demoId, clientId } = gain;
      const first = newPairs.get(demoId + clientId)?.first ?? day;
      newPairs.set(demoId + clientId, { first, day, demoId, clientId });
    }
    const newClients = new Map<string, string[]>();
    for (const gain of summed(gains, ({ day, clientId }) => day + clientId)) {
      const row = await this.uow.get(addToClient, { ...gain });
      if (gain.opens > 0 && row?.opens === gain.opens) {
        newClients.set(gain.day, [...(newClients.get(gain.day) ?? []), gain.clientId]);
      }
    }
    for (const key of bucketKeys(newClients)) await this.uow.execute(addToBucket, { ...key });
    for (const gain of summed(gains, ({ demoId, day }) => demoId + day))
      await this.addUp('demos', gain.demoId, gain);
    // Now that each demo's row of totals is held: of two units the later sees the days of the earlier.
    for (const pair of newPairs.values()) await this.uow.execute(markLastDay, pair);
    for (const gain of summed(gains, ({ clientId, day }) => clientId + day))
      await this.addUp('clients', gain.clientId, gain);
    for (const gain of summed(gains, ({ day }) => day)) {
      await this.uow.execute(addToDay, { ...gain, newClients: newClients.get(gain.day)?.length ?? 0 });
    }
  }

  /** Adds a day's gain to the running sums of a demo or a client. */
  private async addUp(of: keyof typeof runningSums, id: string, gain: Gain): Promise<void> {
    const { add, carry, shift } = runningSums[of];
    const { day, opens, durationSeconds } = gain;
    const total = (await this.uow.get(add, { ...gain, id }))!;
    if (opens > 0) {
      const before = {
        opensBefore: total.opens - opens,
        durationBefore: total.durationSeconds - durationSeconds,
      };
      await this.uow.execute(carry, { id, day, ...before });
    }
    if (dayOf(total.lastOpenedAt) > day) await this.uow.execute(shift, { id, day, opens, durationSeconds });
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
  const day = dayOf(openedAt);
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
