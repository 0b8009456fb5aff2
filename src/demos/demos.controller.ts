import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiExtraModels,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { Access, CurrentPrincipal, type Principal } from '../auth/access.js';
import { CsvFile, type ImportedDto, ImportQuery, TakesCsv } from '../common/csv-upload.js';
import { ApiIfMatch, ApiMayMatch, IfMatch } from '../common/etag.js';
import { IdPipe } from '../common/id.pipe.js';
import { Creates } from '../common/location.js';
import type { MaybePromise } from '../common/maybe-promise.js';
import { ApiPage, type Page } from '../common/pagination.js';
import { Idempotent } from '../idempotency/idempotency.service.js';
import { DemoImportService } from './demo-import.service.js';
import { CatalogDemoDto, DemoDto, DemoPatch, DemoQuery, ImpactDto, NewDemoInput } from './demos.dto.js';
import { DemosService } from './demos.service.js';
import { launchKinds } from './launch.dto.js';

@ApiTags('demos')
@ApiExtraModels(...Object.values(launchKinds), DemoDto, CatalogDemoDto)
@Controller('demos')
export class DemosController {
  constructor(
    private readonly demos: DemosService,
    private readonly importer: DemoImportService,
  ) {}

  @Access({ users: 'viewer', clients: 'active', key: 'demos:read' })
  @Get()
  @ApiOperation({
    summary: 'List demos',
    description:
      'Clients see published demos, each with `granted`. Sorted by `createdAt` (default, descending), `title` or `category`.',
  })
  @ApiPage([DemoDto, CatalogDemoDto])
  list(
    @Query() query: DemoQuery,
    @CurrentPrincipal() me: Principal,
  ): Promise<Page<DemoDto | CatalogDemoDto>> {
    return this.demos.list(query, me);
  }

  @Access({ users: 'admin', key: 'demos:write' })
  @Post()
  @Idempotent()
  @Creates(DemoDto, '/demos/:id')
  @ApiOperation({
    summary: 'Add a demo',
    description:
      'As a draft. Its slug is made from the title and never changes; a second of that title gets `-2`.',
  })
  create(@Body() input: NewDemoInput): Promise<DemoDto> {
    return this.demos.create(input);
  }

  @Access({ users: 'admin', key: 'demos:write' })
  @Post('import')
  @TakesCsv(
    'title,summary,category,tags,launch\r\nFleet analytics,Vehicles on a map.,analytics,maps;live,"{""kind"":""link"",""url"":""https://demo.example.com""}"\r\n',
  )
  @ApiOperation({
    summary: 'Import demos',
    description:
      'All of them or none, as drafts. The columns are the fields of `POST /demos`, `launch` as JSON, `tags` split by `;`; the header is line 1, an empty cell is a field not given.',
  })
  import(@CsvFile() file: Buffer, @Query() { dryRun }: ImportQuery): Promise<ImportedDto> {
    return this.importer.import(file, { dryRun });
  }

  @Access({ users: 'viewer', clients: 'active', key: 'demos:read' })
  @Get(':id')
  @ApiOperation({ summary: 'Read a demo', description: 'By id or slug. Clients read published demos.' })
  @ApiOkResponse({
    schema: { oneOf: [{ $ref: getSchemaPath(DemoDto) }, { $ref: getSchemaPath(CatalogDemoDto) }] },
  })
  @ApiNotFoundResponse({ description: 'Unknown, or for clients not published (`not-found`).' })
  get(
    @Param('id') idOrSlug: string,
    @CurrentPrincipal() me: Principal,
  ): MaybePromise<DemoDto | CatalogDemoDto> {
    return this.demos.get(idOrSlug, me);
  }

  @Access({ users: 'admin', key: 'demos:write' })
  @Patch(':id')
  @ApiIfMatch()
  @ApiOperation({ summary: 'Change a demo', description: 'The slug stays. `launch` is replaced as a whole.' })
  @ApiOkResponse({ type: DemoDto })
  @ApiNotFoundResponse({ description: 'Unknown (`not-found`).' })
  @ApiConflictResponse({ description: 'It is retired (`conflict`).' })
  change(
    @Param('id', IdPipe) id: string,
    @Body() patch: DemoPatch,
    @IfMatch() ifMatch: string | undefined,
  ): Promise<DemoDto> {
    return this.demos.change(id, patch, ifMatch);
  }

  @Access({ users: 'admin', key: 'demos:write' })
  @Delete(':id')
  @HttpCode(204)
  @ApiIfMatch()
  @ApiOperation({
    summary: 'Retire a demo',
    description: 'For good: clients see it no more, its live sessions end, its history stays. See `impact`.',
  })
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ description: 'Unknown (`not-found`).' })
  retire(@Param('id', IdPipe) id: string, @IfMatch() ifMatch: string | undefined): Promise<void> {
    return this.demos.retire(id, ifMatch);
  }

  @Access({ users: 'admin', key: 'demos:write' })
  @Post(':id/publish')
  @HttpCode(200)
  @ApiOperation({ summary: 'Show a demo to clients' })
  @ApiOkResponse({ type: DemoDto })
  @ApiNotFoundResponse({ description: 'Unknown (`not-found`).' })
  @ApiConflictResponse({ description: 'It is retired (`conflict`).' })
  @ApiMayMatch()
  publish(@Param('id', IdPipe) id: string, @IfMatch() ifMatch: string | undefined): Promise<DemoDto> {
    return this.demos.publish(id, ifMatch);
  }

  @Access({ users: 'admin', key: 'demos:write' })
  @Post(':id/unpublish')
  @HttpCode(200)
  @ApiOperation({ summary: 'Take a demo back to a draft', description: 'Its live sessions end.' })
  @ApiOkResponse({ type: DemoDto })
  @ApiNotFoundResponse({ description: 'Unknown (`not-found`).' })
  @ApiConflictResponse({ description: 'It is retired (`conflict`).' })
  @ApiMayMatch()
  unpublish(@Param('id', IdPipe) id: string, @IfMatch() ifMatch: string | undefined): Promise<DemoDto> {
    return this.demos.unpublish(id, ifMatch);
  }

  @Access({ users: 'viewer', key: 'demos:read' })
  @Get(':id/impact')
  @ApiOperation({ summary: 'What retiring a demo would end' })
  @ApiOkResponse({ type: ImpactDto })
  @ApiNotFoundResponse({ description: 'Unknown (`not-found`).' })
  impact(@Param('id', IdPipe) id: string): Promise<ImpactDto> {
    return this.demos.impact(id);
  }
}
