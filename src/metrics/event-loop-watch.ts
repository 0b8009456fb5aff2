import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { SECOND } from '../common/clock.js';

/** Everybody waits as long as the event loop stands still: so long is worth a line in the log. */
const LIMIT_MS = 500;
const EVERY = 2 * SECOND;

/** Says when the process stood still, as in a long query of SQLite, whose driver is synchronous. */
@Injectable()
export class EventLoopWatch implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('EventLoop');
  private readonly delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 20 });
  private timer?: NodeJS.Timeout;

  onApplicationBootstrap(): void {
    this.delay.enable();
    this.timer = setInterval(() => this.look(), EVERY).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    this.delay.disable();
  }

  private look(): void {
    const ms = Math.round(this.delay.max / 1e6);
    this.delay.reset();
    if (ms >= LIMIT_MS) this.logger.warn({ msg: 'the event loop stood still', ms });
  }
}
