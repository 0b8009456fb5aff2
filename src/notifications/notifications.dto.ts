import { Flag, Id, Instant, OneOf, Text } from '../common/fields.js';
import { ListQuery } from '../common/pagination.js';
import { notificationKinds } from './notification.entity.js';
import type { NotificationKind } from './notification-params.js';

export class NotificationQuery extends ListQuery {
  @Flag({ optional: true, description: 'Only those not read yet, or only those that were.' })
  unread?: boolean;
}

/** A line of an inbox, in the account's language. */
export class NotificationDto {
  @Id() id!: string;
  @OneOf(notificationKinds) kind!: NotificationKind;
  @Text({ max: 300, example: 'Your access ends in 7 days' }) title!: string;
  @Text({ max: 10_000, example: 'Your access to the demo catalog ends on 28 November 2026 at 12:00 UTC.' })
  text!: string;
  @Instant() createdAt!: Date;
  @Instant({ nullable: true, description: 'Null while it is unread.' }) readAt!: Date | null;
}
