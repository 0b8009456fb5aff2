import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import {
  ApiBody,
  ApiConflictResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { Access, type ClientPrincipal, CurrentPrincipal } from '../auth/access.js';
import { IdPipe } from '../common/id.pipe.js';
import { Creates } from '../common/location.js';
import { ApiItems } from '../common/pagination.js';
import { Idempotent } from '../idempotency/idempotency.service.js';
import { BasketItemDto } from './basket.dto.js';
import { BasketService } from './basket.service.js';
import { RequestDto, SubmitInput } from './requests.dto.js';

const client = { clients: 'active' } as const;

@ApiTags('requests')
@Controller('basket')
export class BasketController {
  constructor(private readonly basket: BasketService) {}

  @Get()
  @Access(client)
  @ApiItems(BasketItemDto)
  @ApiOperation({
    summary: 'List the basket',
    description:
      'What was put in first comes first. It survives sign-out. A demo that was retired or unpublished meanwhile is shown with its `demoStatus`.',
  })
  async list(@CurrentPrincipal() me: ClientPrincipal): Promise<{ items: BasketItemDto[] }> {
    return { items: await this.basket.list(me.id) };
  }

  @Get('items/:demoId')
  @Access(client)
  @ApiOperation({ summary: 'Read one item of the basket' })
  @ApiOkResponse({ type: BasketItemDto })
  @ApiNotFoundResponse({ description: 'The demo is not in the basket (`not-found`).' })
  get(
    @Param('demoId', IdPipe) demoId: string,
    @CurrentPrincipal() me: ClientPrincipal,
  ): Promise<BasketItemDto> {
    return this.basket.get(me.id, demoId);
  }

  @Put('items/:demoId')
  @Access(client)
  @ApiOperation({
    summary: 'Put a demo into the basket',
    description: 'Repeating it changes nothing. A basket holds 100 demos at most.',
  })
  @ApiOkResponse({ type: BasketItemDto })
  @ApiNotFoundResponse({ description: 'There is no such demo in the catalog (`not-found`).' })
  @ApiConflictResponse({ description: 'The basket is full (`conflict`).' })
  put(
    @Param('demoId', IdPipe) demoId: string,
    @CurrentPrincipal() me: ClientPrincipal,
  ): Promise<BasketItemDto> {
    return this.basket.put(me.id, demoId);
  }

  @Delete('items/:demoId')
  @Access(client)
  @HttpCode(204)
  @ApiOperation({ summary: 'Take a demo out of the basket' })
  @ApiNoContentResponse({ description: 'Taken out.' })
  @ApiNotFoundResponse({ description: 'The demo is not in the basket (`not-found`).' })
  remove(@Param('demoId', IdPipe) demoId: string, @CurrentPrincipal() me: ClientPrincipal): Promise<void> {
    return this.basket.remove(me.id, demoId);
  }

  @Post('submit')
  @Access(client)
  @Idempotent()
  @Creates(RequestDto, '/requests/:id')
  @ApiOperation({
    summary: 'Submit the basket',
    description: 'Makes one access request of it; the basket is empty then.',
  })
  @ApiBody({ type: SubmitInput, required: false })
  @ApiConflictResponse({
    description:
      'The basket is empty, an access request is pending, or a demo in it is no longer in the catalog: `errors` names each, and nothing is taken out (`conflict`).',
  })
  submit(@Body() body: SubmitInput, @CurrentPrincipal() me: ClientPrincipal): Promise<RequestDto> {
    return this.basket.submit(me, body);
  }
}
