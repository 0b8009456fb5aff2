import { Controller, Get, Query } from '@nestjs/common';
import { ApiBadRequestResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access } from '../auth/access.js';
import { ApiPage, type Page } from '../common/pagination.js';
import {
  ClientUsageDto,
  DemoUsageDto,
  OpensDto,
  OpensQuery,
  OverviewDto,
  PeriodQuery,
  UsageListQuery,
} from './analytics.dto.js';
import { AnalyticsService } from './analytics.service.js';

@ApiTags('analytics')
@Controller('analytics')
export class AnalyticsController {
  constructor(private readonly analytics: AnalyticsService) {}

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
}
