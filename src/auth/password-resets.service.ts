import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { after, Clock, MINUTE } from '../common/clock.js';
import { digest } from '../common/ids.js';
import { emailKey } from '../common/text.js';
import { AppConfig } from '../config/app-config.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { NotificationsService } from '../notifications/notifications.service.js';
import { AccountTokensService } from './account-tokens.service.js';
import { isRevoked } from './accounts.js';
import { countPasswordReset } from './auth.queries.js';
import { CredentialsService, refOf } from './credentials.service.js';
import { PasswordHasher } from './password-hasher.js';

/** How many links are mailed to one address in a while: each kills the one before, and a mailbox is not a target. */
const LIMIT = 3;
const WHILE = 15 * MINUTE;

/** Mails reset links to whoever asks for one by e-mail. */
@Injectable()
export class PasswordResetsService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly config: AppConfig,
    private readonly audit: AuditService,
    private readonly accountTokens: AccountTokensService,
    private readonly credentials: CredentialsService,
    private readonly hasher: PasswordHasher,
    private readonly notifications: NotificationsService,
  ) {}

  /**
   * Mails the account of this e-mail a reset link, in place of an earlier one. Nothing tells the caller whether there
   * is such an account, whether it may sign in, or whether it was asked too often: a hash, which takes longer than all
   * the rest, and a transaction are there in any case (ASVS 5.0 6.3.8).
   */
  async request(email: string): Promise<void> {
    await this.hasher.verify(undefined, email);
    await this.uow.run(async () => {
      const isWithinLimit = await this.count(email);
      const found = await this.credentials.findByEmail(email);
      // Without mail the link would reach nobody, and kill one that an operator has printed.
      if (!found || !isWithinLimit || !this.config.smtp) return;
      const ref = refOf(found);
      await this.credentials.hold(ref);
      const account = await this.credentials.findByEmail(email);
      if (!account || isRevoked(account, this.clock.now())) return;
      await this.notifications.mail(ref, 'password-reset', await this.accountTokens.issuePasswordReset(ref));
      this.audit.record({
        action: 'auth.password-reset-requested',
        entityType: ref.kind,
        entityId: ref.id,
      });
    });
  }

  /** Counts a request, whether or not the account exists; false when it is one too many. */
  private async count(email: string): Promise<boolean> {
    const now = this.clock.now();
    const row = await this.uow.get(countPasswordReset, {
      emailHash: digest(`password-reset ${emailKey(email)}`),
      now,
      until: after(now, WHILE),
    });
    return row!.count <= LIMIT;
  }
}
