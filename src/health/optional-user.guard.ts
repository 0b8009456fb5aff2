import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { AccessGuard } from '../auth/access.guard.js';

/** On a public route that shows signed-in users more: learns who calls, and lets everybody in. */
@Injectable()
export class OptionalUserGuard implements CanActivate {
  constructor(private readonly access: AccessGuard) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    // Also where the database that knows the sessions is down: that is what the route is there to say.
    try {
      await this.access.authenticate(context);
    } catch {
      // Nobody, then.
    }
    return true;
  }
}
