import { Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { UsageModule } from '../analytics/usage.module.js';
import { DemoSessionsModule } from '../demos/demo-sessions.module.js';
import { BACKGROUND_JOBS, type BackgroundJob } from './background-job.js';
import { DemoSessionsJob } from './demo-sessions.job.js';
import { EncryptionJob } from './encryption.job.js';
import { JobsController } from './jobs.controller.js';
import { JobsService } from './jobs.service.js';
import { OutboxJob } from './outbox.job.js';
import { RemindersJob } from './reminders.job.js';
import { RetentionJob } from './retention.job.js';
import { RollupCheckJob } from './rollup-check.job.js';

/** Every job; a new one needs a line here and its name in job-names.ts. */
const jobs = [DemoSessionsJob, RemindersJob, OutboxJob, RetentionJob, RollupCheckJob, EncryptionJob];

/** Periodic work. Every replica may do it: exactly one at a time does. */
@Module({
  imports: [ScheduleModule.forRoot(), UsageModule, DemoSessionsModule],
  controllers: [JobsController],
  providers: [
    ...jobs,
    { provide: BACKGROUND_JOBS, inject: jobs, useFactory: (...all: BackgroundJob[]) => all },
    JobsService,
  ],
})
export class JobsModule {}
