import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnavailableError, isSqliteBusy, WriteLaneTimeoutError } from '../errors.js';
import { laneTimeouts, laneWaitSeconds } from '../metrics.js';
import type { SqliteConnection } from './sqlite.js';
import type { WriteLane } from './write-lane.js';

/** A transaction is committed when so many turns are in it, or when it is so old. */
const MOST_TURNS = 64;
const OLDEST_MS = 20;

/** The savepoint that a turn has in the transaction of others. */
const TURN = 'turn';

/** The writing connection, opened again after a ROLLBACK that failed. */
export interface Writer {
  readonly writer: SqliteConnection;
  discardWriter(): void;
}

/** A writer's time on the connection: a transaction of its own, or its part of one that it shares. */
export interface Turn {
  /** Ends it well. @returns once it is on the disk · @throws the error of COMMIT, also of one that others share */
  commit(): Promise<void>;
  /** Ends it without what it wrote. @returns once what it may have seen of others is on the disk, or is gone too */
  rollback(): Promise<void>;
}

/** One transaction and those whose turns are over and who wait for its COMMIT. */
class Group {
  readonly begunAt = performance.now();
  turns = 0;
  readonly ended: Promise<void>;
  end!: (error?: Error) => void;

  constructor() {
    this.ended = new Promise((resolve, reject) => {
      this.end = (error) => (error ? reject(error) : resolve());
    });
    // Somebody listens, or all of its turns were rolled back.
    this.ended.catch(() => undefined);
  }
}

/**
 * Lets writers in, one at a time, and commits several of them at once: a COMMIT waits for the disk, which costs more
 * than all else that a short write does. Brief turns that follow each other within one round of the event loop share a
 * transaction, each in a savepoint of its own, and each is told it is done when the shared COMMIT is. What is not
 * brief has its own transaction, and never makes others wait for its end.
 */
export class SharedCommit {
  private open?: Group;

  constructor(
    private readonly connection: Writer,
    private readonly lane: WriteLane,
  ) {}

  /**
   * Waits for the turn.
   * @param brief it waits for nothing but this database: it may share a transaction
   * @throws WriteLaneTimeoutError where others write, in this process or another, for all of `timeoutMs`
   */
  async begin(timeoutMs: number, brief: boolean): Promise<Turn> {
    return this.entered(timeoutMs, async (leave, askedAt) => {
      if (!brief) this.commit();
      const joined = this.open;
      const begin = joined ? `SAVEPOINT ${TURN}` : 'BEGIN IMMEDIATE';
      await untilFree(askedAt, timeoutMs, () => this.connection.writer.run(begin));
      return this.turn(leave, brief, joined);
    });
  }

  /** Waits for the turn and runs what can't be part of a transaction. Throws as `begin`. */
  async alone<T>(timeoutMs: number, work: () => T): Promise<T> {
    return this.entered(timeoutMs, async (leave, askedAt) => {
      this.commit();
      const result = await untilFree(askedAt, timeoutMs, work);
      leave();
      return result;
    });
  }

  /** Commits what is open, if anything is. Only who has the lane may ask. */
  commit(): void {
    const group = this.open;
    if (!group) return;
    this.open = undefined;
    try {
      this.connection.writer.run('COMMIT');
      group.end();
    } catch (error) {
      this.undo();
      group.end(error as Error);
    }
  }

  private async entered<T>(
    timeoutMs: number,
    work: (leave: () => void, askedAt: number) => Promise<T>,
  ): Promise<T> {
    const askedAt = performance.now();
    let leave: (() => void) | undefined;
    try {
      leave = await this.lane.enter(timeoutMs);
      return await work(leave, askedAt);
    } catch (error) {
      leave?.();
      if (error instanceof WriteLaneTimeoutError) laneTimeouts.inc();
      throw error;
    }
  }

  private turn(leave: () => void, brief: boolean, joined: Group | undefined): Turn {
    let over = false;
    const end = (work: () => Promise<void>): Promise<void> => {
      if (over) return Promise.resolve();
      over = true;
      return work();
    };
    return {
      commit: () =>
        end(async () => {
          const group = joined ?? new Group();
          if (joined && !this.release()) leave();
          else {
            this.open = group;
            group.turns += 1;
            this.leaveOpen(leave, group, brief);
          }
          await group.ended;
        }),
      rollback: () =>
        end(async () => {
          if (!joined) {
            this.undo();
            leave();
            return;
          }
          if (this.undoTurn()) this.leaveOpen(leave, joined, brief);
          else leave();
          await joined.ended.catch(() => undefined);
        }),
    };
  }

  /** Leaves the lane, and has the group committed: now, or after the others who come within this round. */
  private leaveOpen(leave: () => void, group: Group, brief: boolean): void {
    if (!brief || group.turns >= MOST_TURNS || performance.now() - group.begunAt > OLDEST_MS) this.commit();
    else {
      setImmediate(() => {
        // Whoever has the lane commits when it leaves.
        if (this.open === group && !this.lane.occupied) this.commit();
      });
    }
    leave();
  }

  /** Takes back one turn of a shared transaction. @returns false where the whole of it is gone */
  private undoTurn(): boolean {
    return this.attempt(`ROLLBACK TO ${TURN}`) && this.release();
  }

  private release(): boolean {
    return this.attempt(`RELEASE ${TURN}`);
  }

  private attempt(statement: string): boolean {
    try {
      this.connection.writer.run(statement);
      return true;
    } catch (error) {
      // After some errors, such as a full disk, SQLite itself has rolled all back, the savepoints too.
      this.undo();
      this.open?.end(new DatabaseUnavailableError('The transaction was rolled back.', { cause: error }));
      this.open = undefined;
      return false;
    }
  }

  private undo(): void {
    try {
      const { writer } = this.connection;
      if (writer.database.inTransaction) writer.run('ROLLBACK');
    } catch {
      this.connection.discardWriter();
    }
  }
}

/** Tries `work` until no other process holds the file; in between the event loop goes on. */
async function untilFree<T>(askedAt: number, timeoutMs: number, work: () => T): Promise<T> {
  for (;;) {
    const triedAt = performance.now();
    try {
      const result = work();
      laneWaitSeconds.observe((triedAt - askedAt) / 1000);
      return result;
    } catch (error) {
      if (!isSqliteBusy(error)) throw error;
      if (performance.now() >= askedAt + timeoutMs) throw new WriteLaneTimeoutError({ cause: error });
    }
    await sleep(10 + Math.random() * 20);
  }
}
