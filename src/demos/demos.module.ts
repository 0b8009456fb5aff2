import { Module } from '@nestjs/common';
import { DemoSessionsModule } from './demo-sessions.module.js';
import { DemoImportService } from './demo-import.service.js';
import { DemosController } from './demos.controller.js';
import { DemosService } from './demos.service.js';

/** The catalog, and the sessions in which its demos are opened. */
@Module({
  imports: [DemoSessionsModule],
  controllers: [DemosController],
  providers: [DemosService, DemoImportService],
  exports: [DemosService],
})
export class DemosModule {}
