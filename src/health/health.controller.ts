import { Controller, Get, UseFilters, UseGuards } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiOkResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import {
  HealthCheck,
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
} from '@nestjs/terminus';
import { CurrentPrincipal, type Principal, Public } from '../auth/access.js';
import { DatabaseHealth } from './database-health.service.js';
import { DrainingService } from './draining.service.js';
import { HealthDto } from './health.dto.js';
import { HealthFilter } from './health.filter.js';
import { OptionalUserGuard } from './optional-user.guard.js';

@ApiTags('health')
@UseFilters(HealthFilter)
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly database: DatabaseHealth,
    private readonly server: DrainingService,
  ) {}

  @Get('live')
  @Public()
  @HealthCheck({ noCache: true, swaggerDocumentation: false })
  @ApiOperation({ summary: 'The process turns', description: 'Asks nothing of the database.' })
  @ApiOkResponse({ type: HealthDto })
  live(): HealthCheckResult {
    return { status: 'ok', info: {}, error: {}, details: {} };
  }

  @Get('ready')
  @Public()
  @HealthCheck({ noCache: true, swaggerDocumentation: false })
  @ApiOperation({
    summary: 'Requests may come',
    description: 'The database answers, no migration is pending, and the process is not about to end.',
  })
  @ApiOkResponse({ type: HealthDto })
  @ApiServiceUnavailableResponse({ type: HealthDto, description: 'Not ready; `error` says what is down.' })
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.accepting(), () => this.database.ready()]);
  }

  @Get('database')
  @Public()
  @UseGuards(OptionalUserGuard)
  @ApiBearerAuth('session')
  @HealthCheck({ noCache: true, swaggerDocumentation: false })
  @ApiOperation({
    summary: 'The database, part by part',
    description:
      'Connection, tables and write access, each up or down, for anyone. With a user’s token also `details`: dialect, migration version, pool and size. A result is shared for a second.',
  })
  @ApiOkResponse({ type: HealthDto })
  @ApiServiceUnavailableResponse({ type: HealthDto, description: 'A part is down.' })
  parts(@CurrentPrincipal() me?: Principal): Promise<HealthCheckResult> {
    const parts = this.database.parts();
    return this.health.check(
      me?.kind === 'user' && !me.mustEnrol ? [...parts, this.database.details()] : parts,
    );
  }

  private accepting() {
    const server = this.indicators.check('server');
    return this.server.draining ? server.down('The process is about to end.') : server.up();
  }
}
