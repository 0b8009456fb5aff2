import { Controller, Get, Query, type StreamableFile } from '@nestjs/common';
import { ApiBadRequestResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access } from '../auth/access.js';
import { ApiPage, type Page } from '../common/pagination.js';
import { ApiFile, NDJSON, streamed } from '../common/streaming.js';
import { AuditChain } from './audit-chain.service.js';
import { AuditLog } from './audit-log.service.js';
import { AuditEntryDto, AuditQuery, AuditVerificationDto, AuditVerifyQuery } from './audit.dto.js';

@ApiTags('audit')
@Controller('audit')
export class AuditController {
  constructor(
    private readonly log: AuditLog,
    private readonly chain: AuditChain,
  ) {}

  @Get()
  @Access({ users: 'viewer', key: 'audit:read' })
  @ApiOperation({
    summary: 'The audit log',
    description:
      'Who did what to what, newest first. Sorted by `seq` or `at`. An event list: it has no `total`.',
  })
  @ApiPage(AuditEntryDto, { total: false })
  @ApiBadRequestResponse({ description: 'A filter, `sort` or `cursor` is not valid (`validation`).' })
  list(@Query() query: AuditQuery): Promise<Page<AuditEntryDto>> {
    return this.log.page(query);
  }

  @Get('export')
  @Access({ users: 'viewer', key: 'audit:read' })
  @ApiOperation({
    summary: 'The whole log as NDJSON',
    description:
      'An entry a line, the oldest first; the last line is `{head, entries}`. Keep the head elsewhere, for `verify`.',
  })
  @ApiFile(NDJSON, 'A line an entry, as in the list, then the head.')
  export(): Promise<StreamableFile> {
    return streamed(this.chain.export(), { type: NDJSON, filename: 'audit.ndjson' });
  }

  @Get('verify')
  @Access({ users: 'viewer', key: 'audit:read' })
  @ApiOperation({
    summary: 'Check the hash chain',
    description:
      'Recomputes every hash. An edited, deleted or reordered row is named; a cut tail is found by giving the `head` of an earlier check.',
  })
  @ApiOkResponse({ type: AuditVerificationDto })
  verify(@Query() { head }: AuditVerifyQuery): Promise<AuditVerificationDto> {
    return this.chain.verify(head);
  }
}
