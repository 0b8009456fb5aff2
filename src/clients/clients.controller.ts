import {
  applyDecorators,
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
} from '@nestjs/common';
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
import { InvitationDto } from '../auth/users.dto.js';
import { ApiIfMatch, ApiMayMatch, IfMatch } from '../common/etag.js';
import { IdPipe } from '../common/id.pipe.js';
import { Creates } from '../common/location.js';
import { ApiPage, type Page } from '../common/pagination.js';
import { Idempotent } from '../idempotency/idempotency.service.js';
import { ClientAccessService } from './client-access.service.js';
import {
  ClientDto,
  ClientQuery,
  NewClientInput,
  NewClientDto,
  RenewInput,
  RevokeInput,
  ShortenInput,
  ClientPatch,
} from './clients.dto.js';
import { ClientsService } from './clients.service.js';

const admin = { users: 'admin', key: 'clients:write' } as const;
const viewer = { users: 'viewer', key: 'clients:read' } as const;

/** An action on a client: answers 200 with the client, and honours If-Match. */
function Action(): MethodDecorator {
  return applyDecorators(
    HttpCode(200),
    ApiOkResponse({ type: ClientDto }),
    ApiNotFoundResponse({ description: 'There is no such client.' }),
    ApiMayMatch(),
  );
}

@ApiTags('clients')
@Controller('clients')
export class ClientsController {
  constructor(
    private readonly clients: ClientsService,
    private readonly access: ClientAccessService,
  ) {}

  @Post()
  @Access(admin)
  @Idempotent()
  @Creates(NewClientDto, '/clients/:id')
  @ApiOperation({
    summary: 'Create a client',
    description:
      'Without `password` the answer carries a single-use `invitation`, shown once. Without an end the access lasts the days of the setting `access.defaultDays`; no end may lie beyond `access.maxDaysAhead`.',
  })
  @ApiBody({
    type: NewClientInput,
    examples: {
      'with an invitation': { value: { name: 'Ana Sousa', email: 'ana@example.com', accessDays: 30 } },
      'with a password': {
        value: { name: 'Ana Sousa', email: 'ana@example.com', password: 'a-quiet-lighthouse-42' },
      },
    },
  })
  @ApiConflictResponse({ description: 'The e-mail is taken, or a demo is retired.' })
  create(@Body() body: NewClientInput): Promise<NewClientDto> {
    return this.clients.create(body);
  }

  @Get()
  @Access(viewer)
  @ApiPage(ClientDto)
  @ApiOperation({
    summary: 'List clients',
    description:
      'Sorted by `createdAt`, `updatedAt`, `accessStartsAt`, `accessEndsAt`, `name`, `email` or `company`; `-createdAt` unless told.',
  })
  list(@Query() query: ClientQuery): Promise<Page<ClientDto>> {
    return this.clients.list(query);
  }

  @Get(':id')
  @Access(viewer)
  @ApiOperation({ summary: 'Read a client' })
  @ApiOkResponse({ type: ClientDto })
  @ApiNotFoundResponse({ description: 'There is no such client, or it was erased.' })
  get(@Param('id', IdPipe) id: string): Promise<ClientDto> {
    return this.clients.get(id);
  }

  @Patch(':id')
  @Access(admin)
  @ApiIfMatch()
  @ApiOperation({
    summary: 'Edit a client',
    description:
      'The access window is changed by renew, shorten, revoke and reinstate. With another e-mail, links that were sent before are dead.',
  })
  @ApiOkResponse({ type: ClientDto })
  @ApiNotFoundResponse({ description: 'There is no such client.' })
  @ApiConflictResponse({ description: 'The e-mail is taken.' })
  update(
    @Param('id', IdPipe) id: string,
    @Body() body: ClientPatch,
    @IfMatch() ifMatch?: string,
  ): Promise<ClientDto> {
    return this.clients.update(id, body, ifMatch);
  }

  @Delete(':id')
  @Access(admin)
  @HttpCode(204)
  @ApiIfMatch()
  @ApiOperation({
    summary: 'Erase a client',
    description:
      'Erases the person’s data, ends sessions and grants and keeps anonymous usage. Not to be undone.',
  })
  @ApiNoContentResponse({ description: 'Erased.' })
  @ApiNotFoundResponse({ description: 'There is no such client.' })
  erase(@Param('id', IdPipe) id: string, @IfMatch() ifMatch?: string): Promise<void> {
    return this.clients.erase(id, ifMatch);
  }

  @Post(':id/revoke')
  @Access(admin)
  @Action()
  @ApiOperation({
    summary: 'Revoke a client’s access',
    description:
      'Binds the next request: sessions and demo sessions end at once. Repeating it changes nothing.',
  })
  revoke(
    @Param('id', IdPipe) id: string,
    @Body() { reason }: RevokeInput,
    @IfMatch() ifMatch?: string,
  ): Promise<ClientDto> {
    return this.access.revoke(id, reason, ifMatch);
  }

  @Post(':id/reinstate')
  @Access(admin)
  @Action()
  @ApiOperation({
    summary: 'Take a revocation back',
    description: 'The window and the grants are what they were.',
  })
  reinstate(@Param('id', IdPipe) id: string, @IfMatch() ifMatch?: string): Promise<ClientDto> {
    return this.access.reinstate(id, ifMatch);
  }

  @Post(':id/renew')
  @Access(admin)
  @Action()
  @ApiOperation({
    summary: 'Renew a client’s access',
    description:
      'By `days` after the later of now and the current end, or `until` an instant later than both.',
  })
  @ApiConflictResponse({ description: 'The client is revoked.' })
  @ApiBody({
    type: RenewInput,
    examples: { 'by days': { value: { days: 30 } }, until: { value: { until: '2027-01-31T00:00:00.000Z' } } },
  })
  renew(
    @Param('id', IdPipe) id: string,
    @Body() body: RenewInput,
    @IfMatch() ifMatch?: string,
  ): Promise<ClientDto> {
    return this.access.renew(id, body, ifMatch);
  }

  @Post(':id/shorten')
  @Access(admin)
  @Action()
  @ApiOperation({
    summary: 'Let a client’s access end earlier',
    description: '`until` lies between now and the current end. Live demo sessions end with it.',
  })
  @ApiConflictResponse({ description: 'The client is revoked.' })
  shorten(
    @Param('id', IdPipe) id: string,
    @Body() { until }: ShortenInput,
    @IfMatch() ifMatch?: string,
  ): Promise<ClientDto> {
    return this.access.shorten(id, until, ifMatch);
  }

  @Post(':id/invitation')
  @Access(admin)
  @Idempotent()
  @Creates(InvitationDto, '/clients/:id')
  @ApiOperation({
    summary: 'Invite a client again',
    description: 'A single-use link to set a password, shown once; the earlier one is dead.',
  })
  @ApiNotFoundResponse({ description: 'There is no such client.' })
  @ApiConflictResponse({ description: 'The client is revoked.' })
  invite(@Param('id', IdPipe) id: string): Promise<InvitationDto> {
    return this.access.invite(id);
  }
}
