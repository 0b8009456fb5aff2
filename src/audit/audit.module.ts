import { Global, Module } from '@nestjs/common';
import { AuditChain } from './audit-chain.service.js';
import { AuditLog } from './audit-log.service.js';
import { AuditController } from './audit.controller.js';
import { AuditService } from './audit.service.js';

/** The audit log; every feature writes to it. */
@Global()
@Module({
  controllers: [AuditController],
  providers: [AuditService, AuditLog, AuditChain],
  exports: [AuditService, AuditLog, AuditChain],
})
export class AuditModule {}
