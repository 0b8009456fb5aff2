import { Injectable } from '@nestjs/common';
import { UsageUpkeep } from '../analytics/usage-upkeep.service.js';
import { HOUR } from '../common/clock.js';
import { type BackgroundJob, counted } from './background-job.js';

/** Days that are counted again; a session lives seven at most, so that each is counted after its last end too. */
const DAYS = 9;

/** Holds the daily rollups against the usage events and repairs what differs. */
@Injectable()
export class RollupCheckJob implements BackgroundJob {
  readonly name = 'rollup-check';
  readonly everyMs = 6 * HOUR;

  constructor(private readonly usage: UsageUpkeep) {}

  async run(): Promise<string> {
    const { counted: days, repaired } = await this.usage.recount(DAYS);
    const verdict = repaired.length === 0 ? 'all right' : `repaired: ${repaired.join(', ')}`;
    return `${counted(days, 'day')} counted, ${verdict}`;
  }
}
