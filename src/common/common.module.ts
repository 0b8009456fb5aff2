import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Clock } from './clock.js';
import { Encryption } from './encryption.js';
import { Egress } from './egress.js';
import { Lists } from './pagination.js';
import { Signer } from './signer.js';

/** What every feature may use and that knows none of them. */
@Global()
@Module({})
export class CommonModule {
  /** @param clock the app's one source of the current instant */
  static of(clock: Clock): DynamicModule {
    const providers = [{ provide: Clock, useValue: clock }, Egress, Encryption, Lists, Signer];
    return { module: CommonModule, providers, exports: [Clock, Egress, Encryption, Lists, Signer] };
  }
}
