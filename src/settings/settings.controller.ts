import { Body, Controller, Get, Param, Patch } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { Access } from '../auth/access.js';
import { ApiIfMatch, IfMatch } from '../common/etag.js';
import { ApiItems } from '../common/pagination.js';
import { settingList } from './setting-list.js';
import { SettingPatch, SettingDto } from './settings.dto.js';
import { SettingsService } from './settings.service.js';

@ApiTags('settings')
@Controller('settings')
export class SettingsController {
  constructor(private readonly settings: SettingsService) {}

  @Get()
  @Access({ users: 'viewer' })
  @ApiOperation({
    summary: 'All settings',
    description: 'Each with the value that holds now, its default, and the version that a change must name.',
  })
  @ApiItems(SettingDto)
  async list(): Promise<{ items: SettingDto[] }> {
    return { items: await this.settings.list() };
  }

  @Patch(':key')
  @Access({ users: 'admin' })
  @ApiOperation({
    summary: 'Change a setting',
    description:
      'Binds the next call, on every replica. The ETag to send is the `version` of the list, quoted.',
  })
  @ApiParam({ name: 'key', schema: { type: 'string', enum: Object.keys(settingList) } })
  @ApiOkResponse({ type: SettingDto })
  @ApiBadRequestResponse({ description: 'Not a value of this setting (`validation`, naming `value`).' })
  @ApiNotFoundResponse({ description: 'There is no such setting (`not-found`).' })
  @ApiIfMatch()
  change(
    @Param('key') key: string,
    @Body() { value }: SettingPatch,
    @IfMatch() ifMatch?: string,
  ): Promise<SettingDto> {
    return this.settings.change(key, value, ifMatch);
  }
}
