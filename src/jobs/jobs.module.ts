import { Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { DemoSessionsModule } from '../demos/demo-sessions.module.js';
import { JobsService } from './jobs.service.js';

/** Periodic work. Every replica may do it: each run is safe to repeat. */
@Module({ imports: [ScheduleModule.forRoot(), DemoSessionsModule], providers: [JobsService] })
export class JobsModule {}
