import { Body, Controller, Delete, Get, HttpCode, Param, Put, Query } from '@nestjs/common';
import {
  ApiBody,
  ApiConflictResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { Access } from '../auth/access.js';
import { IdPipe } from '../common/id.pipe.js';
import { ApiItems } from '../common/pagination.js';
import { AccessAtDto, AccessQuery, GrantDto, GrantInput } from './grants.dto.js';
import { GrantsService } from './grants.service.js';

const admin = { users: 'admin', key: 'clients:write' } as const;
const viewer = { users: 'viewer', key: 'clients:read' } as const;

@ApiTags('clients')
@Controller('clients/:id')
export class GrantsController {
  constructor(private readonly grants: GrantsService) {}

  @Get('demos')
  @Access(viewer)
  @ApiItems(GrantDto)
  @ApiOperation({ summary: 'List the demos granted to a client', description: 'The oldest grant first.' })
  @ApiNotFoundResponse({ description: 'There is no such client.' })
  async list(@Param('id', IdPipe) id: string): Promise<{ items: GrantDto[] }> {
    return { items: await this.grants.list(id) };
  }

  @Put('demos/:demoId')
  @Access(admin)
  @ApiOperation({
    summary: 'Grant a demo to a client, or change the window of its grant',
    description:
      'The window lies within the client’s access; a bound that is not given is the client’s. A draft can be granted beforehand.',
  })
  @ApiOkResponse({ type: GrantDto })
  @ApiNotFoundResponse({ description: 'There is no such client or demo.' })
  @ApiConflictResponse({ description: 'The demo is retired.' })
  @ApiBody({
    type: GrantInput,
    required: false,
    examples: {
      'as long as the access': { value: {} },
      'in a window': {
        value: { startsAt: '2026-12-01T09:00:00.000Z', endsAt: '2026-12-05T18:00:00.000Z' },
      },
    },
  })
  set(
    @Param('id', IdPipe) id: string,
    @Param('demoId', IdPipe) demoId: string,
    @Body() body: GrantInput,
  ): Promise<GrantDto> {
    return this.grants.set(id, demoId, body);
  }

  @Delete('demos/:demoId')
  @Access(admin)
  @HttpCode(204)
  @ApiOperation({ summary: 'Take a grant away', description: 'Live demo sessions of it end at once.' })
  @ApiNoContentResponse({ description: 'Taken away.' })
  @ApiNotFoundResponse({ description: 'There is no such client, or the demo is not granted.' })
  remove(@Param('id', IdPipe) id: string, @Param('demoId', IdPipe) demoId: string): Promise<void> {
    return this.grants.remove(id, demoId);
  }

  @Get('access')
  @Access(viewer)
  @ApiOperation({
    summary: 'What a client could open at an instant, and who allowed it',
    description:
      'From history; of an instant to come: as things stand now. What could not be opened is absent or `open: false`. Before the client existed its status is `scheduled`.',
  })
  @ApiOkResponse({ type: AccessAtDto })
  @ApiNotFoundResponse({ description: 'There is no such client.' })
  accessAt(@Param('id', IdPipe) id: string, @Query() { at }: AccessQuery): Promise<AccessAtDto> {
    return this.grants.accessAt(id, at);
  }
}
