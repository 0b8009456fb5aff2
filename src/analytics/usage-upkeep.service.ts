import { Injectable, Logger } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { after, Clock, DAY } from '../common/clock.js';
import { insertAll } from '../database/bulk.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { calendarBucket } from './analytics.rules.js';
import { countedUsage, firstEvent, gapInSums, usedDays } from './usage-upkeep.queries.js';
import { dayOf, dayTotals, longBuckets, sameUsage, type UsageDay } from './usage-upkeep.rules.js';
import { UsageDaily, UsageDailyClient, UsageDailyTotal } from './usage.entity.js';
import { clearBucket, noteBucket, runningSums } from './usage.queries.js';

/** How many demos or clients have their sums made anew by one statement. */
const TOGETHER = 500;

/** Keeps usage in order: old events go, and the rollups say what the events say. */
@Injectable()
export class UsageUpkeep {
  private readonly logger = new Logger('Usage');

  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly audit: AuditService,
  ) {}

  /**
   * Removes the events of the oldest UTC day, when all of it lies before an instant; the rollups stay. A day goes
   * whole, so that a day that has events can be recounted.
   * @returns how many events, or undefined when there is no such day
   */
  removeOldestDay(before: Date): Promise<number | undefined> {
    return this.uow.run(async () => {
      const day = await this.firstDay();
      if (day === undefined) return undefined;
      const end = after(new Date(day), DAY);
      if (end > before) return undefined;
      const events = await this.uow.execute(`DELETE FROM "usage_analytics" WHERE "at" < :end`, { end });
      this.audit.record({ action: 'usage.removed', entityType: 'usage', entityId: day, before: { events } });
      return events;
    });
  }

  /**
   * Counts the last days again, as far as their events are kept, and repairs the rollups that say something else.
   * @returns the days (`YYYY-MM-DD`) that were counted, and those that were repaired
   */
  async recount(days: number): Promise<{ counted: number; repaired: string[] }> {
    const now = this.clock.now();
    const first = await this.firstDay();
    const repaired: string[] = [];
    let counted = 0;
    for (let ago = days - 1; first !== undefined && ago >= 0; ago -= 1) {
      const day = dayOf(after(now, -ago * DAY));
      if (day < first) continue;
      counted += 1;
      if (await this.recountDay(day)) repaired.push(day);
    }
    if (repaired.length > 0) this.logger.warn(`The rollups of ${repaired.join(', ')} were repaired.`);
    return { counted, repaired };
  }

  /**
   * By how much the running sums miss what the days' totals say, undefined where they do not: an earlier release knows
   * no such sums, and writes beside this one during a roll-out. Cheap; it reads a row for each demo, client and day.
   */
  async gapInSums(): Promise<string | undefined> {
    const gaps = (await this.uow.get(gapInSums))!;
    return Object.values(gaps).some((gap) => gap !== 0) ? JSON.stringify(gaps) : undefined;
  }

  /**
   * Makes running sums anew from the daily rollups, from the last day back until nothing is missing.
   * @returns the days (`YYYY-MM-DD`) that were repaired
   */
  async repairSums(): Promise<string[]> {
    const repaired: string[] = [];
    if ((await this.gapInSums()) === undefined) return repaired;
    for (const { day } of await this.uow.all(usedDays)) {
      if (!(await this.repairSumsOf(day))) continue;
      repaired.push(day);
      if ((await this.gapInSums()) === undefined) break;
    }
    if (repaired.length > 0) this.logger.warn(`The sums of ${repaired.join(', ')} were made anew.`);
    return repaired;
  }

  private repairSumsOf(day: string): Promise<boolean> {
    return this.uow.run(
      async () => {
        const rebuilt = {
          demos: await this.rebuildSums('demos', day, []),
          clients: await this.rebuildSums('clients', day, []),
          buckets: await this.rebuildBuckets(day, []),
        };
        if (rebuilt.demos + rebuilt.clients + rebuilt.buckets === 0) return false;
        this.audit.record({
          action: 'usage.repaired',
          entityType: 'usage',
          entityId: day,
          after: { rebuilt },
        });
        return true;
      },
      { isolation: 'REPEATABLE READ' },
    );
  }

  /** @returns whether the rollups of the day were repaired */
  private recountDay(day: string): Promise<boolean> {
    // One instant for events and rollups; who changes them meanwhile makes PostgreSQL end this try for another one.
    return this.uow.run(
      async (manager) => {
        const kept: UsageDay = {
          demos: await manager.findBy(UsageDaily, { day }),
          clients: await manager.findBy(UsageDailyClient, { day }),
          totals: await manager.findBy(UsageDailyTotal, { day }),
        };
        const from = new Date(day);
        const rows = await this.uow.all(countedUsage, {
          from,
          to: after(from, DAY),
          ended: after(from, 9 * DAY),
        });
        const right = dayTotals(day, rows);
        const isRight = sameUsage(kept, right);
        if (!isRight) {
          for (const rollup of [UsageDaily, UsageDailyClient, UsageDailyTotal])
            await manager.delete(rollup, { day });
          await insertAll(manager, UsageDaily, right.demos);
          await insertAll(manager, UsageDailyClient, right.clients);
          await insertAll(manager, UsageDailyTotal, right.totals);
        }
        const known = isRight ? [] : [kept, right];
        const demos = known.flatMap((usage) => usage.demos.map(({ demoId }) => demoId));
        const clients = known.flatMap((usage) => usage.clients.map(({ clientId }) => clientId));
        const rebuilt = {
          demos: await this.rebuildSums('demos', day, demos),
          clients: await this.rebuildSums('clients', day, clients),
          buckets: await this.rebuildBuckets(day, clients),
        };
        if (isRight && rebuilt.demos + rebuilt.clients + rebuilt.buckets === 0) return false;
        const [before, now] = [kept, right].map(({ totals: [total] }) => ({ ...total }));
        this.audit.record({
          action: 'usage.repaired',
          entityType: 'usage',
          entityId: day,
          before: before!,
          after: { ...now, rebuilt },
        });
        return true;
      },
      { isolation: 'REPEATABLE READ' },
    );
  }

  /**
   * Makes running sums anew: those named, and those that say something else about the day than its rollup, as after
   * an upgrade while an earlier release still wrote. @returns how many
   */
  private async rebuildSums(of: keyof typeof runningSums, day: string, named: string[]): Promise<number> {
    const { clear, rebuild, differing } = runningSums[of];
    const differ = (await this.uow.all(differing, { day })).map(({ id }) => id);
    const all = [...new Set([...named, ...differ])].sort();
    for (let start = 0; start < all.length; start += TOGETHER) {
      const ids = all.slice(start, start + TOGETHER);
      for (const statement of [...clear, ...rebuild]) await this.uow.execute(statement, { ids });
    }
    return all.length;
  }

  /** Notes in their week and month what clients opened on a day, and takes it back of those named who did not. */
  private async rebuildBuckets(day: string, named: string[]): Promise<number> {
    let changed = 0;
    for (const bucket of longBuckets) {
      const days = { bucket, day, ...calendarBucket(day, bucket) };
      changed += await this.uow.execute(noteBucket, days);
      for (const clientId of new Set(named))
        changed += await this.uow.execute(clearBucket, { ...days, clientId });
    }
    return changed;
  }

  private async firstDay(): Promise<string | undefined> {
    const row = await this.uow.get(firstEvent);
    return row?.at ? dayOf(row.at) : undefined;
  }
}
