import { Global, Module } from '@nestjs/common';
import { InboxService } from './inbox.service.js';
import { MailDelivery } from './mail-delivery.service.js';
import { MailTransport } from './mail.transport.js';
import { NotificationsController } from './notifications.controller.js';
import { NotificationsService } from './notifications.service.js';
import { OutboxService } from './outbox.service.js';

/** What accounts are told, by mail and in their inbox; every feature may tell. */
@Global()
@Module({
  controllers: [NotificationsController],
  providers: [NotificationsService, InboxService, OutboxService, MailTransport, MailDelivery],
  exports: [NotificationsService, OutboxService, MailDelivery],
})
export class NotificationsModule {}
