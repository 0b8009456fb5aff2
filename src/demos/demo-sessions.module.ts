import { Module } from '@nestjs/common';
import { UsageModule } from '../analytics/usage.module.js';
import { DemoSessionsController } from './demo-sessions.controller.js';
import { DemoSessionsService } from './demo-sessions.service.js';
import { LaunchTokensService } from './launch-tokens.service.js';
import { OpeningController } from './opening.controller.js';
import { OpeningService } from './opening.service.js';

/** Demo sessions; clients and demos end them through the exported service. */
@Module({
  imports: [UsageModule],
  controllers: [DemoSessionsController, OpeningController],
  providers: [DemoSessionsService, LaunchTokensService, OpeningService],
  exports: [DemoSessionsService],
})
export class DemoSessionsModule {}
