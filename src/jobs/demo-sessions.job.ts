import { Injectable } from '@nestjs/common';
import { MINUTE } from '../common/clock.js';
import { DemoSessionsService } from '../demos/demo-sessions.service.js';
import { type BackgroundJob, counted, type JobRun } from './background-job.js';

/** Rows that one unit of work settles: a longer one would hold the others up. */
const BATCH = 200;

/** Writes down what the clock has ended already, so that analytics counts its duration. No rule waits for this. */
@Injectable()
export class DemoSessionsJob implements BackgroundJob {
  readonly name = 'demo-sessions';
  readonly everyMs = MINUTE;

  constructor(private readonly demoSessions: DemoSessionsService) {}

  async run({ signal }: JobRun): Promise<string> {
    let settled = 0;
    let batch: number;
    do {
      batch = await this.demoSessions.settleLapsed(BATCH);
      settled += batch;
    } while (batch === BATCH && !signal.aborted);
    return `${counted(settled, 'demo session')} ended`;
  }
}
