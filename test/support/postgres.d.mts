import type { ChildProcess } from 'node:child_process';

/** A server that a test started; postgres.mjs says more. */
export interface PostgresServer {
  readonly url: string;
  readonly pid: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
}

export function startPostgres(
  folder: string,
  options?: { settings?: Record<string, string>; bin?: string; onSpawn?: (child: ChildProcess) => void },
): Promise<PostgresServer>;
export function isReachable(path: string): boolean;
