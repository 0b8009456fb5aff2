import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { SecondFactorsService } from '../auth/second-factors.service.js';
import { HOUR } from '../common/clock.js';
import { AppConfig } from '../config/app-config.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { OutboxService } from '../notifications/outbox.service.js';
import { type BackgroundJob, counted } from './background-job.js';

/** After a rotation of DATA_KEY: encrypts anew what the key before encrypted, so that that one can be thrown away. */
@Injectable()
export class EncryptionJob implements BackgroundJob {
  readonly name = 'encryption';
  readonly everyMs = HOUR;

  constructor(
    private readonly config: AppConfig,
    private readonly uow: UnitOfWork,
    private readonly audit: AuditService,
    private readonly secondFactors: SecondFactorsService,
    private readonly outbox: OutboxService,
  ) {}

  async run(): Promise<string> {
    if (!this.config.previousDataKey) return 'nothing to do: there is no DATA_KEY_PREVIOUS';
    const renewed = await this.uow.run(async () => {
      const secondFactors = await this.secondFactors.renewEncryption();
      const mails = await this.outbox.renewEncryption();
      if (secondFactors + mails > 0) {
        this.audit.record({
          action: 'encryption.renewed',
          entityType: 'job',
          entityId: this.name,
          after: { secondFactors, mails },
        });
      }
      return secondFactors + mails;
    });
    return `${counted(renewed, 'value')} encrypted anew: DATA_KEY_PREVIOUS can be removed`;
  }
}
