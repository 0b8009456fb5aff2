import { Injectable } from '@nestjs/common';

/** Whether the process is on its way out: readiness says no from then on. */
@Injectable()
export class DrainingService {
  private begun = false;

  get draining(): boolean {
    return this.begun;
  }

  /** From now on the process takes its leave. */
  begin(): void {
    this.begun = true;
  }
}
