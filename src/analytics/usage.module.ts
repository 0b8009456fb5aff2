import { Module } from '@nestjs/common';
import { UsageUpkeep } from './usage-upkeep.service.js';
import { UsageService } from './usage.service.js';

/** Usage events and their rollups, written by what happens in demo sessions. */
@Module({ providers: [UsageService, UsageUpkeep], exports: [UsageService, UsageUpkeep] })
export class UsageModule {}
