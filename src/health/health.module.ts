import { Module } from '@nestjs/common';
import { DrainingService } from './draining.service.js';

@Module({ providers: [DrainingService], exports: [DrainingService] })
export class HealthModule {}
