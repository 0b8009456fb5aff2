import { Global, Module } from '@nestjs/common';
import { InboxService } from './inbox.service.js';
import { NotificationsController } from './notifications.controller.js';
import { NotificationsService } from './notifications.service.js';

/** What accounts are told, by mail and in their inbox; every feature may tell. */
@Global()
@Module({
  controllers: [NotificationsController],
  providers: [NotificationsService, InboxService],
  exports: [NotificationsService],
})
export class NotificationsModule {}
