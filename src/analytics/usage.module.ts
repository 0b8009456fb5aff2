import { Module } from '@nestjs/common';
import { UsageService } from './usage.service.js';

/** Usage events and their rollups, written by what happens in demo sessions. */
@Module({ providers: [UsageService], exports: [UsageService] })
export class UsageModule {}
