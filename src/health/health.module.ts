import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { DatabaseHealth } from './database-health.service.js';
import { DrainingService } from './draining.service.js';
import { HealthController } from './health.controller.js';

/** What probes ask. The database connection logs its own failures, so that Terminus need not, at each probe. */
@Module({
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [DatabaseHealth, DrainingService],
  exports: [DrainingService],
})
export class HealthModule {}
