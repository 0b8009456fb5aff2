import { Global, Module } from '@nestjs/common';
import { NotificationsService } from './notifications.service.js';

/** What accounts are told, by mail and in their inbox; every feature may tell. */
@Global()
@Module({ providers: [NotificationsService], exports: [NotificationsService] })
export class NotificationsModule {}
