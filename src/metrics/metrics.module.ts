import { Module } from '@nestjs/common';
import { HealthModule } from '../health/health.module.js';
import { DatabaseGauges } from './database-gauges.js';
import { EventLoopWatch } from './event-loop-watch.js';
import { MetricsServer } from './metrics.server.js';
import { SlowQueryThreshold } from './slow-query-threshold.js';

/** What an operator watches: metrics on a port of their own, and the log lines of what is slow. */
@Module({
  imports: [HealthModule],
  providers: [DatabaseGauges, EventLoopWatch, MetricsServer, SlowQueryThreshold],
})
export class MetricsModule {}
