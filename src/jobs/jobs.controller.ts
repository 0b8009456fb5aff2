import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access } from '../auth/access.js';
import { ApiItems } from '../common/pagination.js';
import { JobDto } from './jobs.dto.js';
import { JobsService } from './jobs.service.js';

@ApiTags('settings')
@Controller('settings/jobs')
export class JobsController {
  constructor(private readonly jobs: JobsService) {}

  @Get()
  @Access({ users: 'viewer' })
  @ApiOperation({
    summary: 'The background jobs',
    description: 'How each went last and when it is due next. `ecatalog jobs run NAME` runs one now.',
  })
  @ApiItems(JobDto)
  async list(): Promise<{ items: JobDto[] }> {
    return { items: await this.jobs.list() };
  }
}
