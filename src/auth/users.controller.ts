import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { ApiIfMatch, IfMatch } from '../common/etag.js';
import { IdPipe } from '../common/id.pipe.js';
import { Creates } from '../common/location.js';
import { ApiPage, type Page } from '../common/pagination.js';
import { Idempotent } from '../idempotency/idempotency.service.js';
import { Access } from './access.js';
import { NewUserDto, NewUserInput, UserDto, UserPatch, UserQuery } from './users.dto.js';
import { UsersService } from './users.service.js';

@ApiTags('auth')
@Controller('users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Access({ users: 'viewer' })
  @Get()
  @ApiOperation({
    summary: 'List users',
    description: 'Sorted by `createdAt` (default, descending), `name` or `email`.',
  })
  @ApiPage(UserDto)
  list(@Query() query: UserQuery): Promise<Page<UserDto>> {
    return this.users.list(query);
  }

  @Access({ users: 'admin' })
  @Post()
  @Idempotent()
  @Creates(NewUserDto, '/users/:id')
  @ApiOperation({
    summary: 'Create a user',
    description: 'Without a password the answer carries a single-use invitation, shown once.',
  })
  @ApiConflictResponse({ description: 'The e-mail is taken (`conflict`).' })
  create(@Body() input: NewUserInput): Promise<NewUserDto> {
    return this.users.create(input);
  }

  @Access({ users: 'viewer' })
  @Get(':id')
  @ApiOperation({ summary: 'Read a user' })
  @ApiOkResponse({ type: UserDto })
  @ApiNotFoundResponse({ description: 'Unknown (`not-found`).' })
  get(@Param('id', IdPipe) id: string): Promise<UserDto> {
    return this.users.get(id);
  }

  @Access({ users: 'admin' })
  @Patch(':id')
  @ApiIfMatch()
  @ApiOperation({
    summary: 'Change a user',
    description: 'With another e-mail, links that were sent before are dead.',
  })
  @ApiOkResponse({ type: UserDto })
  @ApiNotFoundResponse({ description: 'Unknown (`not-found`).' })
  @ApiConflictResponse({ description: 'The e-mail is taken, or it is the last administrator (`conflict`).' })
  change(
    @Param('id', IdPipe) id: string,
    @Body() patch: UserPatch,
    @IfMatch() ifMatch: string | undefined,
  ): Promise<UserDto> {
    return this.users.change(id, patch, ifMatch);
  }

  @Access({ users: 'admin' })
  @Delete(':id')
  @HttpCode(204)
  @ApiIfMatch()
  @ApiOperation({ summary: 'Remove a user', description: 'The sessions end and the e-mail is free again.' })
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ description: 'Unknown (`not-found`).' })
  @ApiConflictResponse({ description: 'It is the last administrator (`conflict`).' })
  remove(@Param('id', IdPipe) id: string, @IfMatch() ifMatch: string | undefined): Promise<void> {
    return this.users.remove(id, ifMatch);
  }
}
