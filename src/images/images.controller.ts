import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import { Access } from '../auth/access.js';
import { ApiIfMatch, ApiMayMatch, IfMatch } from '../common/etag.js';
import { IdPipe } from '../common/id.pipe.js';
import { Creates } from '../common/location.js';
import { ApiPage, ListQuery, type Page } from '../common/pagination.js';
import { Idempotent } from '../idempotency/idempotency.service.js';
import { ImageDto, ImagePatch, NewImageInput, ResolveQuery } from './images.dto.js';
import { ImagesService } from './images.service.js';

@ApiTags('images')
@Controller('images')
export class ImagesController {
  constructor(private readonly images: ImagesService) {}

  @Access({ users: 'viewer', key: 'images:read' })
  @Get()
  @ApiOperation({
    summary: 'List images',
    description: 'Sorted by `createdAt` (default, descending) or `reference`.',
  })
  @ApiPage(ImageDto)
  list(@Query() query: ListQuery): Promise<Page<ImageDto>> {
    return this.images.list(query);
  }

  @Access({ users: 'admin', key: 'images:write' })
  @Post()
  @Idempotent()
  @Creates(ImageDto, '/images/:id')
  @ApiOperation({
    summary: 'Add an image',
    description:
      'The reference is read as Docker does: without a registry it is of docker.io, without a tag `latest`.',
  })
  @ApiConflictResponse({ description: 'There is an image of this reference (`conflict`).' })
  create(@Body() input: NewImageInput): Promise<ImageDto> {
    return this.images.create(input);
  }

  @Access({ users: 'viewer', key: 'images:read' })
  @Get(':id')
  @ApiOperation({ summary: 'Read an image' })
  @ApiOkResponse({ type: ImageDto })
  @ApiNotFoundResponse({ description: 'Unknown (`not-found`).' })
  get(@Param('id', IdPipe) id: string): Promise<ImageDto> {
    return this.images.get(id);
  }

  @Access({ users: 'admin', key: 'images:write' })
  @Patch(':id')
  @ApiIfMatch()
  @ApiOperation({
    summary: 'Change an image',
    description: 'With another reference, digest, size and platforms are unknown again.',
  })
  @ApiOkResponse({ type: ImageDto })
  @ApiNotFoundResponse({ description: 'Unknown (`not-found`).' })
  @ApiConflictResponse({ description: 'There is an image of this reference (`conflict`).' })
  change(
    @Param('id', IdPipe) id: string,
    @Body() patch: ImagePatch,
    @IfMatch() ifMatch: string | undefined,
  ): Promise<ImageDto> {
    return this.images.change(id, patch, ifMatch);
  }

  @Access({ users: 'admin', key: 'images:write' })
  @Delete(':id')
  @HttpCode(204)
  @ApiIfMatch()
  @ApiOperation({ summary: 'Remove an image' })
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ description: 'Unknown (`not-found`).' })
  @ApiConflictResponse({ description: 'A demo is launched from it (`conflict`).' })
  remove(@Param('id', IdPipe) id: string, @IfMatch() ifMatch: string | undefined): Promise<void> {
    return this.images.remove(id, ifMatch);
  }

  @Access({ users: 'admin', key: 'images:write' })
  @Post(':id/resolve')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Ask the registry for digest, size and platforms',
    description:
      'Size is that of configuration and layers, of linux/amd64 or else the first platform. Tags move: a known digest stays, and `movedDigest` shows where the tag points by now; `adopt=true` takes it.',
  })
  @ApiOkResponse({ type: ImageDto })
  @ApiNotFoundResponse({ description: 'Unknown (`not-found`).' })
  @ApiConflictResponse({
    description: 'No such tag, access denied, or an address that may not be fetched from (`conflict`).',
  })
  @ApiMayMatch()
  @ApiServiceUnavailableResponse({ description: 'The registry does not answer (`unavailable`).' })
  resolve(
    @Param('id', IdPipe) id: string,
    @Query() query: ResolveQuery,
    @IfMatch() ifMatch: string | undefined,
  ): Promise<ImageDto> {
    return this.images.resolve(id, query, ifMatch);
  }
}
