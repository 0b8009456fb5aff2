import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiNotFoundResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, type ClientPrincipal, CurrentPrincipal, type UserPrincipal } from '../auth/access.js';
import { IdPipe } from '../common/id.pipe.js';
import { ApiPage, type Page } from '../common/pagination.js';
import { InboxService } from './inbox.service.js';
import { NotificationDto, NotificationQuery } from './notifications.dto.js';

type Me = UserPrincipal | ClientPrincipal;

/** Everybody with a session, also a restricted one. */
const SIGNED_IN = { users: 'viewer', clients: 'restricted' } as const;

@ApiTags('notifications')
@Controller('notifications')
export class NotificationsController {
  constructor(private readonly inbox: InboxService) {}

  @Access(SIGNED_IN)
  @Get()
  @ApiOperation({
    summary: 'The own inbox',
    description: 'In the language of the account. Sorted by `createdAt` (default, descending).',
  })
  @ApiPage(NotificationDto)
  list(@CurrentPrincipal() me: Me, @Query() query: NotificationQuery): Promise<Page<NotificationDto>> {
    return this.inbox.list(me, query);
  }

  @Access(SIGNED_IN)
  @Post('read-all')
  @HttpCode(204)
  @ApiOperation({ summary: 'Mark every notification as read' })
  @ApiNoContentResponse()
  readAll(@CurrentPrincipal() me: Me): Promise<void> {
    return this.inbox.readAll(me);
  }

  @Access(SIGNED_IN)
  @Post(':id/read')
  @HttpCode(204)
  @ApiOperation({ summary: 'Mark a notification as read', description: 'Again it changes nothing.' })
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ description: 'None of yours (`not-found`).' })
  read(@CurrentPrincipal() me: Me, @Param('id', IdPipe) id: string): Promise<void> {
    return this.inbox.read(me, id);
  }
}
