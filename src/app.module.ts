import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { AnalyticsModule } from './analytics/analytics.module.js';
import { AuditModule } from './audit/audit.module.js';
import { AccessGuard } from './auth/access.guard.js';
import { AuthModule } from './auth/auth.module.js';
import { ClientsModule } from './clients/clients.module.js';
import type { Clock } from './common/clock.js';
import { CommonModule } from './common/common.module.js';
import { KnownInputGuard } from './common/known-input.guard.js';
import { ProblemFilter } from './common/problem.filter.js';
import { RequestPipe } from './common/request.pipe.js';
import type { AppConfig } from './config/app-config.js';
import { ConfigModule } from './config/config.module.js';
import { DatabaseModule } from './database/database.module.js';
import { DemosModule } from './demos/demos.module.js';
import { HealthModule } from './health/health.module.js';
import { IdempotencyModule } from './idempotency/idempotency.module.js';
import { ImagesModule } from './images/images.module.js';
import { JobsModule } from './jobs/jobs.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { NotificationsModule } from './notifications/notifications.module.js';
import { RequestsModule } from './requests/requests.module.js';
import { SettingsModule } from './settings/settings.module.js';

/** The product: its features, and the guards, the pipe and the filter that every route has. */
@Module({})
export class AppModule {
  static of(config: AppConfig, clock: Clock): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.of(config),
        CommonModule.of(clock),
        DatabaseModule,
        AuditModule,
        SettingsModule,
        IdempotencyModule,
        AuthModule,
        NotificationsModule,
        ClientsModule,
        DemosModule,
        RequestsModule,
        ImagesModule,
        AnalyticsModule,
        HealthModule,
        JobsModule,
        MetricsModule,
      ],
      providers: [
        { provide: APP_GUARD, useExisting: AccessGuard },
        { provide: APP_GUARD, useClass: KnownInputGuard },
        { provide: APP_PIPE, useClass: RequestPipe },
        { provide: APP_FILTER, useClass: ProblemFilter },
      ],
    };
  }
}
