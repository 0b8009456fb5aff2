import { Controller, Get, Header, Query, type StreamableFile } from '@nestjs/common';
import { ApiBadRequestResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access } from '../auth/access.js';
import { ApiPage, type Page } from '../common/pagination.js';
import { ApiFile, CSV, NDJSON, streamed, SVG } from '../common/streaming.js';
import {
  ChartQuery,
  ClientUsageDto,
  DemoUsageDto,
  EventFilter,
  EventQuery,
  OpensDto,
  OpensQuery,
  OverviewDto,
  PeriodQuery,
  UsageEventDto,
  UsageListQuery,
} from './analytics.dto.js';
import { AnalyticsService } from './analytics.service.js';
import { EventsService } from './events.service.js';

@ApiTags('analytics')
@Controller('analytics')
export class AnalyticsController {
  constructor(
    private readonly analytics: AnalyticsService,
    private readonly usageEvents: EventsService,
  ) {}

  @Get('overview')
  @Access({ users: 'viewer', key: 'analytics:read' })
  @ApiOperation({
    summary: 'The catalog in numbers',
    description:
      'Clients, demos and requests as they are now; opens, durations and the top five of the period.',
  })
  @ApiOkResponse({ type: OverviewDto })
  @ApiBadRequestResponse({ description: 'The period is not valid (`validation`).' })
  overview(@Query() query: PeriodQuery): Promise<OverviewDto> {
    return this.analytics.overview(query);
  }

  @Get('opens')
  @Access({ users: 'viewer', key: 'analytics:read' })
  @ApiOperation({
    summary: 'Opens over time',
    description: 'In buckets of a day, a week or a month, empty ones included; 1,000 buckets at most.',
  })
  @ApiOkResponse({ type: OpensDto })
  @ApiBadRequestResponse({
    description: 'The period is not valid, or makes too many buckets (`validation`).',
  })
  opens(@Query() query: OpensQuery): Promise<OpensDto> {
    return this.analytics.opens(query);
  }

  @Get('chart.svg')
  @Header('Content-Type', SVG)
  @Access({ users: 'viewer', key: 'analytics:read' })
  @ApiOperation({
    summary: 'A picture of opens over time',
    description: 'Opens, unique clients or time in demos, as `GET /analytics/opens` has them, drawn as SVG.',
  })
  @ApiFile(SVG, 'An SVG picture, without script.')
  @ApiBadRequestResponse({
    description: 'The period is not valid, or makes too many buckets (`validation`).',
  })
  chart(@Query() query: ChartQuery): Promise<string> {
    return this.analytics.chart(query);
  }

  @Get('demos')
  @Access({ users: 'viewer', key: 'analytics:read' })
  @ApiOperation({
    summary: 'Usage by demo',
    description:
      'The demos opened in the period, most opened first. Sorted by `opens`, `uniqueClients`, `durationSeconds`, `lastOpenedAt` or `title`.',
  })
  @ApiPage(DemoUsageDto)
  @ApiBadRequestResponse({ description: 'The period, `sort` or `cursor` is not valid (`validation`).' })
  demos(@Query() query: UsageListQuery): Promise<Page<DemoUsageDto>> {
    return this.analytics.demos(query);
  }

  @Get('clients')
  @Access({ users: 'viewer', key: 'analytics:read' })
  @ApiOperation({
    summary: 'Usage by client',
    description:
      'The clients who opened a demo in the period, most opens first; erased ones without a name. Sorted by `opens`, `durationSeconds`, `lastOpenedAt` or `name`.',
  })
  @ApiPage(ClientUsageDto)
  @ApiBadRequestResponse({ description: 'The period, `sort` or `cursor` is not valid (`validation`).' })
  clients(@Query() query: UsageListQuery): Promise<Page<ClientUsageDto>> {
    return this.analytics.clients(query);
  }

  @Get('events')
  @Access({ users: 'viewer', key: 'analytics:read' })
  @ApiOperation({
    summary: 'Usage events',
    description:
      'What happened in demo sessions, row by row. Sorted by `at`, `-at` unless told. An event list: it has no `total`.',
  })
  @ApiPage(UsageEventDto, { total: false })
  @ApiBadRequestResponse({ description: 'The period, `sort` or `cursor` is not valid (`validation`).' })
  events(@Query() query: EventQuery): Promise<Page<UsageEventDto>> {
    return this.usageEvents.page(query);
  }

  @Get('events.csv')
  @Access({ users: 'viewer', key: 'analytics:read' })
  @ApiOperation({
    summary: 'Usage events as CSV',
    description:
      'All of the period, the oldest first, streamed. A cell that a spreadsheet would take for a formula begins with an apostrophe.',
  })
  @ApiFile(CSV, 'A header and a line an event.')
  @ApiBadRequestResponse({ description: 'The period is not valid (`validation`).' })
  eventsCsv(@Query() query: EventFilter): Promise<StreamableFile> {
    return streamed(this.usageEvents.csv(query), { type: CSV, filename: 'events.csv' });
  }

  @Get('events.ndjson')
  @Access({ users: 'viewer', key: 'analytics:read' })
  @ApiOperation({
    summary: 'Usage events as NDJSON',
    description: 'All of the period, the oldest first, a line of JSON each, streamed.',
  })
  @ApiFile(NDJSON, 'A line an event, as in the list.')
  @ApiBadRequestResponse({ description: 'The period is not valid (`validation`).' })
  eventsNdjson(@Query() query: EventFilter): Promise<StreamableFile> {
    return streamed(this.usageEvents.ndjson(query), { type: NDJSON, filename: 'events.ndjson' });
  }
}
