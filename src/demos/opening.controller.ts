import { Controller, Param, Post, Res } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiForbiddenResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  ApiTooManyRequestsResponse,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access, CurrentPrincipal, type Principal } from '../auth/access.js';
import { IdPipe } from '../common/id.pipe.js';
import { Creates } from '../common/location.js';
import { OpenedDemoDto } from './demo-sessions.dto.js';
import { OpeningService } from './opening.service.js';

@ApiTags('demo-sessions')
@Controller('demos')
export class OpeningController {
  constructor(private readonly opening: OpeningService) {}

  @Access({ clients: 'active' })
  @Post(':id/open')
  @Creates(OpenedDemoDto, '/demo-sessions/:demoSessionId')
  @ApiOperation({
    summary: 'Open a demo',
    description:
      'Starts a demo session, or returns the live one (200) with a fresh launch token. The demo, or what runs it, checks that token by `/demo-sessions/verify`.',
  })
  @ApiOkResponse({ type: OpenedDemoDto, description: 'It was open already.' })
  @ApiForbiddenResponse({
    description:
      'No grant, or outside its window (`demo-not-granted`), or not allowed (`forbidden`, `access-expired`, `access-not-started`).',
  })
  @ApiNotFoundResponse({ description: 'Unknown, draft or retired (`not-found`).' })
  @ApiConflictResponse({
    description: 'A container demo while nothing runs containers (`launch-unavailable`).',
  })
  @ApiTooManyRequestsResponse({
    description: 'As many are live as may be, of the client, of the demo or in all (`too-many-requests`).',
  })
  async open(
    @Param('id', IdPipe) id: string,
    @CurrentPrincipal() me: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OpenedDemoDto> {
    const { isNew, answer } = await this.opening.open(id, me.id);
    if (!isNew) reply.code(200);
    return answer;
  }
}
