import { Module } from '@nestjs/common';
import { ClientsModule } from '../clients/clients.module.js';
import { BasketController } from './basket.controller.js';
import { BasketService } from './basket.service.js';
import { RequestDecisionsService } from './request-decisions.service.js';
import { RequestsController } from './requests.controller.js';
import { RequestsService } from './requests.service.js';

/** What clients ask for, what is decided about it, and the basket. */
@Module({
  imports: [ClientsModule],
  controllers: [RequestsController, BasketController],
  providers: [RequestsService, RequestDecisionsService, BasketService],
})
export class RequestsModule {}
