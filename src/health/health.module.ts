import { Module } from '@nestjs/common';
import { DrainingService } from './draining.service.js';
import { HealthController } from './health.controller.js';

@Module({ controllers: [HealthController], providers: [DrainingService], exports: [DrainingService] })
export class HealthModule {}
