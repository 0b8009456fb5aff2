import { Module } from '@nestjs/common';
import { DemoSessionsModule } from '../demos/demo-sessions.module.js';
import { RequestErasureModule } from '../requests/request-erasure.module.js';
import { ClientAccessService } from './client-access.service.js';
import { ClientExchangeController } from './client-exchange.controller.js';
import { ClientExportService } from './client-export.service.js';
import { ClientImportService } from './client-import.service.js';
import { ClientsController } from './clients.controller.js';
import { ClientsService } from './clients.service.js';
import { ClientStore } from './clients.store.js';
import { GrantsController } from './grants.controller.js';
import { GrantsService } from './grants.service.js';

/** Clients, their access window and their grants. */
@Module({
  imports: [DemoSessionsModule, RequestErasureModule],
  controllers: [ClientExchangeController, ClientsController, GrantsController],
  providers: [
    ClientStore,
    ClientsService,
    ClientExportService,
    ClientImportService,
    ClientAccessService,
    GrantsService,
  ],
  exports: [ClientStore, ClientAccessService, GrantsService],
})
export class ClientsModule {}
