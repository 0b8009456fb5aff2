import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { MINUTE } from '../common/clock.js';
import { DatabaseUnavailableError } from '../database/errors.js';
import { DemoSessionsService } from '../demos/demo-sessions.service.js';

/** Rows that one unit of work settles: a longer one would hold the others up. */
const BATCH = 200;

/** Writes down what the clock has ended already, so that analytics counts its duration. No rule waits for this. */
@Injectable()
export class JobsService {
  private readonly logger = new Logger('Jobs');

  constructor(private readonly demoSessions: DemoSessionsService) {}

  @Interval(MINUTE)
  async settleDemoSessions(): Promise<void> {
    try {
      while ((await this.demoSessions.settleLapsed(BATCH)) === BATCH);
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) this.logger.warn(`Demo sessions: ${error.message}`);
      else this.logger.error(error);
    }
  }
}
