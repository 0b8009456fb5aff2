import { applyDecorators, Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBody,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { Access, type ClientPrincipal, CurrentPrincipal, type Principal } from '../auth/access.js';
import { ApiMayMatch, IfMatch } from '../common/etag.js';
import { IdPipe } from '../common/id.pipe.js';
import { Creates } from '../common/location.js';
import { ApiPage, type Page } from '../common/pagination.js';
import { Idempotent } from '../idempotency/idempotency.service.js';
import { RequestDecisionsService } from './request-decisions.service.js';
import { ApproveInput, NewRequestInput, RejectInput, RequestDto, RequestQuery } from './requests.dto.js';
import { RequestsService } from './requests.service.js';

const admin = { users: 'admin', key: 'requests:write' } as const;
const reader = { users: 'viewer', clients: 'expired', key: 'requests:read' } as const;
const client = { clients: 'expired' } as const;

/** A decision: answers 200 with the request, honours If-Match, and is made once. */
function Decision(conflict: string): MethodDecorator {
  return applyDecorators(
    HttpCode(200),
    ApiOkResponse({ type: RequestDto }),
    ApiNotFoundResponse({ description: 'There is no such request (`not-found`).' }),
    ApiConflictResponse({ description: `${conflict} (\`conflict\`).` }),
    ApiMayMatch(),
  );
}

@ApiTags('requests')
@Controller('requests')
export class RequestsController {
  constructor(
    private readonly requests: RequestsService,
    private readonly decisions: RequestDecisionsService,
  ) {}

  @Post()
  @Access(client)
  @Idempotent()
  @Creates(RequestDto, '/requests/:id')
  @ApiOperation({
    summary: 'Ask for more time, or for demos',
    description:
      'A client whose access has ended can still ask for a renewal. At most one request of each kind is pending. By the settings `renewal.autoApproveDays` and `renewal.autoApproveTimes` a renewal may be approved at once.',
  })
  @ApiBody({
    type: NewRequestInput,
    examples: {
      'more time': {
        value: { kind: 'renewal', days: 30, message: 'We would like to show it to our board.' },
      },
      'more demos': { value: { kind: 'access', demoIds: ['019a2007-fabe-7512-bfa0-12b3f58b1809'] } },
    },
  })
  @ApiConflictResponse({ description: 'One of this kind is pending already (`conflict`).' })
  create(@Body() body: NewRequestInput, @CurrentPrincipal() me: ClientPrincipal): Promise<RequestDto> {
    return this.requests.create(me, body);
  }

  @Get()
  @Access(reader)
  @ApiPage(RequestDto)
  @ApiOperation({
    summary: 'List requests',
    description: 'Clients see their own. Sorted by `createdAt` or `updatedAt`; `-createdAt` unless told.',
  })
  list(@Query() query: RequestQuery, @CurrentPrincipal() me: Principal): Promise<Page<RequestDto>> {
    return this.requests.list(query, me);
  }

  @Get(':id')
  @Access(reader)
  @ApiOperation({ summary: 'Read a request', description: 'Clients read their own.' })
  @ApiOkResponse({ type: RequestDto })
  @ApiNotFoundResponse({ description: 'There is no such request, or it is another client’s (`not-found`).' })
  get(@Param('id', IdPipe) id: string, @CurrentPrincipal() me: Principal): Promise<RequestDto> {
    return this.requests.get(id, me);
  }

  @Post(':id/approve')
  @Access(admin)
  @Decision(
    'It is no longer pending, the client is revoked (renewal), or a demo that would be approved is retired',
  )
  @ApiOperation({
    summary: 'Approve a request',
    description:
      'A renewal extends the access by `days`, those asked for unless told, from the later of now and the current end. An access request grants the approved demos, as long as the access.',
  })
  @ApiBody({
    type: ApproveInput,
    required: false,
    examples: {
      'as asked': { value: {} },
      'fewer days': { value: { days: 10, note: 'Until the end of the evaluation.' } },
      'one of the demos': {
        value: { items: [{ demoId: '019a2007-fabe-7512-bfa0-12b3f58b1809', approved: true }] },
      },
    },
  })
  approve(
    @Param('id', IdPipe) id: string,
    @Body() body: ApproveInput,
    @CurrentPrincipal() me: Principal,
    @IfMatch() ifMatch?: string,
  ): Promise<RequestDto> {
    return this.decisions.approve(id, body, ifMatch, me);
  }

  @Post(':id/reject')
  @Access(admin)
  @Decision('It is no longer pending')
  @ApiOperation({ summary: 'Reject a request', description: 'The client reads the note.' })
  reject(
    @Param('id', IdPipe) id: string,
    @Body() { note }: RejectInput,
    @CurrentPrincipal() me: Principal,
    @IfMatch() ifMatch?: string,
  ): Promise<RequestDto> {
    return this.decisions.reject(id, note, ifMatch, me);
  }

  @Post(':id/cancel')
  @Access(client)
  @Decision('It is no longer pending')
  @ApiOperation({ summary: 'Take back a request of one’s own' })
  cancel(
    @Param('id', IdPipe) id: string,
    @CurrentPrincipal() me: ClientPrincipal,
    @IfMatch() ifMatch?: string,
  ): Promise<RequestDto> {
    return this.decisions.cancel(id, ifMatch, me);
  }
}
