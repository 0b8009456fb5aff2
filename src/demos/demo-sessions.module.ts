import { Module } from '@nestjs/common';
import { UsageModule } from '../analytics/usage.module.js';
import { DemoSessionsService } from './demo-sessions.service.js';

/** Demo sessions; clients and demos end them through the exported service. */
@Module({
  imports: [UsageModule],
  providers: [DemoSessionsService],
  exports: [DemoSessionsService],
})
export class DemoSessionsModule {}
