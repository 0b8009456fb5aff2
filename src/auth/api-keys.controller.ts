import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { IdPipe } from '../common/id.pipe.js';
import { Creates } from '../common/location.js';
import { ApiPage, ListQuery, type Page } from '../common/pagination.js';
import { Idempotent } from '../idempotency/idempotency.service.js';
import { Access, CurrentPrincipal, type UserPrincipal } from './access.js';
import { ApiKeyDto, NewApiKeyDto, NewApiKeyInput } from './api-keys.dto.js';
import { ApiKeysService } from './api-keys.service.js';

@ApiTags('auth')
@Controller('api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Access({ users: 'viewer' })
  @Get()
  @ApiOperation({
    summary: 'List API keys',
    description:
      'Expired ones too, removed ones not. Sorted by `createdAt` (default, descending), `expiresAt` or `name`.',
  })
  @ApiPage(ApiKeyDto)
  list(@Query() query: ListQuery): Promise<Page<ApiKeyDto>> {
    return this.keys.list(query);
  }

  @Access({ users: 'admin' })
  @Post()
  @Idempotent()
  @Creates(NewApiKeyDto, '/api-keys/:id')
  @ApiOperation({
    summary: 'Make an API key for another service',
    description: 'The key itself is shown once. It stays good when the user who made it is removed.',
  })
  create(@Body() input: NewApiKeyInput, @CurrentPrincipal() me: UserPrincipal): Promise<NewApiKeyDto> {
    return this.keys.create(input, me.id);
  }

  @Access({ users: 'viewer' })
  @Get(':id')
  @ApiOperation({ summary: 'Read an API key' })
  @ApiOkResponse({ type: ApiKeyDto })
  @ApiNotFoundResponse({ description: 'Unknown or removed (`not-found`).' })
  get(@Param('id', IdPipe) id: string): Promise<ApiKeyDto> {
    return this.keys.get(id);
  }

  @Access({ users: 'admin' })
  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Remove an API key: it is dead from the next request on' })
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ description: 'Unknown or removed (`not-found`).' })
  remove(@Param('id', IdPipe) id: string): Promise<void> {
    return this.keys.remove(id);
  }
}
