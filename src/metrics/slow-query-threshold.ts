import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { SECOND } from '../common/clock.js';
import { DatabaseConnection } from '../database/connection.js';
import { queryWatch } from '../database/query-watch.js';
import { SettingsService } from '../settings/settings.service.js';

/** A changed setting binds so soon: asking before each statement would double them. */
const EVERY = 5 * SECOND;

/** Keeps the drivers informed of `log.slowQueryMs`. */
@Injectable()
export class SlowQueryThreshold implements OnApplicationBootstrap, OnModuleDestroy {
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly settings: SettingsService,
    private readonly connection: DatabaseConnection,
  ) {}

  onApplicationBootstrap(): void {
    void this.connection.whenUp().then(() => this.read());
    this.timer = setInterval(() => void this.read(), EVERY).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  private async read(): Promise<void> {
    if (!this.connection.status().up) return;
    // A database that is away is told of elsewhere; the threshold stays as it was.
    const slowMs = await this.settings.get('log.slowQueryMs').catch(() => queryWatch.slowMs);
    queryWatch.slowMs = slowMs;
  }
}
