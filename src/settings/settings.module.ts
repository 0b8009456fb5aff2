import { Global, Module } from '@nestjs/common';
import { SettingsService } from './settings.service.js';

/** The product's settings; every feature reads them. */
@Global()
@Module({ providers: [SettingsService], exports: [SettingsService] })
export class SettingsModule {}
