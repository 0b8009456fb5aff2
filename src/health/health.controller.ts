import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Public } from '../auth/access.js';
import { unavailable } from '../common/problem.js';
import { DatabaseConnection } from '../database/connection.js';
import { DrainingService } from './draining.service.js';

@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(
    private readonly connection: DatabaseConnection,
    private readonly draining: DrainingService,
  ) {}

  @Public()
  @Get('live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Public()
  @Get('ready')
  async ready(): Promise<{ status: 'ok' }> {
    const { up, reason } = await this.connection.check();
    if (!up || this.draining.draining) throw unavailable(reason ?? 'The process is draining.');
    return { status: 'ok' };
  }
}
