import { WriteLaneTimeoutError } from '../errors.js';

interface Waiter {
  enter(): void;
  gone: boolean;
}

/** The single file of writers before SQLite's one write lock, in the order in which they came. */
export class WriteLane {
  private held = false;
  private readonly waiters: Waiter[] = [];

  /** Whether somebody writes. */
  get occupied(): boolean {
    return this.held;
  }

  /** How many wait. */
  get waiting(): number {
    return this.waiters.filter((waiter) => !waiter.gone).length;
  }

  /**
   * Waits for the turn of the caller.
   * @returns what ends the turn; calling it again does nothing
   * @throws WriteLaneTimeoutError after `timeoutMs`
   */
  enter(timeoutMs: number): Promise<() => void> {
    if (!this.held) return Promise.resolve(this.turn());
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        gone: false,
        enter: () => {
          clearTimeout(timer);
          resolve(this.turn());
        },
      };
      const timer = setTimeout(() => {
        waiter.gone = true;
        reject(new WriteLaneTimeoutError());
      }, timeoutMs);
      this.waiters.push(waiter);
    });
  }

  private turn(): () => void {
    this.held = true;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.held = false;
      let next: Waiter | undefined;
      do next = this.waiters.shift();
      while (next?.gone);
      next?.enter();
    };
  }
}
