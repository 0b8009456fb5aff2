import { Injectable } from '@nestjs/common';
import { UsageUpkeep } from '../analytics/usage-upkeep.service.js';
import { after, Clock, HOUR, SECOND } from '../common/clock.js';
import { type BackgroundJob, counted } from './background-job.js';

/** Days that are counted again; a session lives seven at most, so that each is counted after its last end too. */
const DAYS = 9;

/** How long sums may be short that an earlier release, which does not know them, did not write. */
const LOOK = 30 * SECOND;

/**
 * Holds the daily rollups against the usage events, and running sums against the rollups, and repairs what differs.
 * The sums are looked at in between too: before and during a roll-out an earlier release writes none.
 */
@Injectable()
export class RollupCheckJob implements BackgroundJob {
  readonly name = 'rollup-check';
  readonly everyMs = 6 * HOUR;
  private nextLook?: Date;
  /** What no repair closes: no reason to run again and again. */
  private remaining?: string | undefined;

  constructor(
    private readonly usage: UsageUpkeep,
    private readonly clock: Clock,
  ) {}

  async isDue(): Promise<boolean> {
    const now = this.clock.now();
    if (this.nextLook && this.nextLook > now && this.nextLook <= after(now, LOOK)) return false;
    this.nextLook = after(now, LOOK);
    const gap = await this.usage.gapInSums();
    return gap !== undefined && gap !== this.remaining;
  }

  async run(): Promise<string> {
    const sums = await this.usage.repairSums();
    const { counted: days, repaired } = await this.usage.recount(DAYS);
    this.remaining = await this.usage.gapInSums();
    const all = [...new Set([...sums, ...repaired])];
    const verdict = all.length === 0 ? 'all right' : `repaired: ${all.join(', ')}`;
    return `${counted(days, 'day')} counted, ${verdict}`;
  }
}
