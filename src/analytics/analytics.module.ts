import { Module } from '@nestjs/common';
import { AnalyticsController } from './analytics.controller.js';
import { AnalyticsService } from './analytics.service.js';
import { EventsService } from './events.service.js';

/** Who uses what. */
@Module({ controllers: [AnalyticsController], providers: [AnalyticsService, EventsService] })
export class AnalyticsModule {}
