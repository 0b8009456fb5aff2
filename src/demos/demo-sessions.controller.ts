import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { Access, CurrentPrincipal, type Principal } from '../auth/access.js';
import { IdPipe } from '../common/id.pipe.js';
import { ApiPage, type Page } from '../common/pagination.js';
import {
  DemoSessionDto,
  DemoSessionQuery,
  LaunchTokenInput,
  VerifiedLaunchDto,
} from './demo-sessions.dto.js';
import { DemoSessionsService } from './demo-sessions.service.js';
import { LaunchTokensService } from './launch-tokens.service.js';

@ApiTags('demo-sessions')
@Controller('demo-sessions')
export class DemoSessionsController {
  constructor(
    private readonly sessions: DemoSessionsService,
    private readonly launchTokens: LaunchTokensService,
  ) {}

  @Access({ key: 'demo-sessions:verify' })
  @Post('verify')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Check a launch token',
    description:
      'For the demo, or what runs it. The token dies with its demo session; the first check activates that. A dead or strange token is no error: `active` is false.',
  })
  @ApiOkResponse({ type: VerifiedLaunchDto })
  verify(@Body() { launchToken }: LaunchTokenInput): Promise<VerifiedLaunchDto> {
    return this.launchTokens.verify(launchToken);
  }

  @Access({ users: 'viewer', clients: 'active', key: 'demo-sessions:read' })
  @Get()
  @ApiOperation({
    summary: 'List demo sessions',
    description:
      'Clients see their own. Sorted by `openedAt` (default, descending). An end by the clock shows at once.',
  })
  @ApiPage(DemoSessionDto)
  list(@Query() query: DemoSessionQuery, @CurrentPrincipal() me: Principal): Promise<Page<DemoSessionDto>> {
    return this.sessions.list(query, me);
  }

  @Access({ users: 'viewer', clients: 'active', key: 'demo-sessions:read' })
  @Get(':id')
  @ApiOperation({ summary: 'Read a demo session', description: 'Clients read their own.' })
  @ApiOkResponse({ type: DemoSessionDto })
  @ApiNotFoundResponse({ description: 'Unknown, or another client’s (`not-found`).' })
  get(@Param('id', IdPipe) id: string, @CurrentPrincipal() me: Principal): Promise<DemoSessionDto> {
    return this.sessions.get(id, me);
  }

  @Access({ clients: 'active' })
  @Post(':id/heartbeat')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Keep a demo session alive',
    description: 'The first heartbeat activates it; without any more it ends after its idle time.',
  })
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ description: 'Unknown, or another client’s (`not-found`).' })
  @ApiConflictResponse({ description: 'It has ended (`conflict`).' })
  heartbeat(@Param('id', IdPipe) id: string, @CurrentPrincipal() me: Principal): Promise<void> {
    return this.sessions.heartbeat(id, me);
  }

  @Access({ users: 'admin', clients: 'active' })
  @Post(':id/close')
  @HttpCode(200)
  @ApiOperation({ summary: 'Close a demo session', description: 'One that has ended stays as it is.' })
  @ApiOkResponse({ type: DemoSessionDto })
  @ApiNotFoundResponse({ description: 'Unknown, or another client’s (`not-found`).' })
  close(@Param('id', IdPipe) id: string, @CurrentPrincipal() me: Principal): Promise<DemoSessionDto> {
    return this.sessions.close(id, me);
  }
}
