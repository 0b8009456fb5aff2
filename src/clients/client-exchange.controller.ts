import { Controller, Get, Param, Post, Query } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { Access } from '../auth/access.js';
import { CsvFile, type ImportedDto, ImportQuery, TakesCsv } from '../common/csv-upload.js';
import { IdPipe } from '../common/id.pipe.js';
import { ClientExportDto } from './client-export.dto.js';
import { ClientExportService } from './client-export.service.js';
import { ClientImportService } from './client-import.service.js';

/** Clients as files: many in, all about one out. */
@ApiTags('clients')
@Controller('clients')
export class ClientExchangeController {
  constructor(
    private readonly importer: ClientImportService,
    private readonly exporter: ClientExportService,
  ) {}

  @Post('import')
  @Access({ users: 'admin', key: 'clients:write' })
  @TakesCsv('name,email,company,accessDays\r\nAna Sousa,ana@example.com,Example Lda,30\r\n')
  @ApiOperation({
    summary: 'Import clients',
    description:
      'All of them or none. The columns are the fields of `POST /clients` but `demoIds`; the header is line 1, an empty cell is a field not given. Clients without a password are invited by `POST /clients/{id}/invitation`; at most 100 rows may bring one.',
  })
  @ApiConflictResponse({ description: 'An e-mail was taken at the same instant.' })
  import(@CsvFile() file: Buffer, @Query() { dryRun }: ImportQuery): Promise<ImportedDto> {
    return this.importer.import(file, { dryRun });
  }

  @Get(':id/export')
  @Access({ users: 'admin', key: 'clients:read' })
  @ApiOperation({
    summary: 'Export everything held about one person',
    description: 'As JSON, the oldest first in each part. Hashes of passwords and tokens are left out.',
  })
  @ApiOkResponse({ type: ClientExportDto })
  @ApiNotFoundResponse({ description: 'There is no such client, or it was erased.' })
  export(@Param('id', IdPipe) id: string): Promise<ClientExportDto> {
    return this.exporter.export(id);
  }
}
