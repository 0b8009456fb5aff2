import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseSettings } from '../database/database-settings.js';
import { findDrift } from '../database/drift.js';
import { DatabaseFileInUseError, FileLock } from '../database/file-lock.js';
import { withMigrator } from '../database/migrator.js';
import { readConfig } from '../config/read-config.js';
import { CommandError, type Output } from './output.js';

/** How long a migration waits for another process that has the SQLite file, such as another migrator. */
const FILE_WAIT_MS = 10_000;

export async function migrateUp(
  output: Output,
  { to, plan }: { to?: string; plan?: boolean },
): Promise<void> {
  const settings = readConfig('command').migrationDatabase;
  if (plan) return showPlan(output, settings, to);
  await withFile(settings, () =>
    withMigrator(
      settings,
      async (migrator, dataSource) => {
        const applied = await migrator.up(to);
        const { pending, ahead } = await migrator.status();
        if (ahead.length > 0) {
          output.progress(`The database is ahead of this release by ${ahead.join(', ')}: nothing to do.`);
        } else if (pending.length === 0) {
          const drift = await findDrift(dataSource);
          if (drift.length > 0) throw new CommandError(`The schema has drifted:\n${bullets(drift)}`);
        }
        output.result(
          { applied, pending, ahead },
          applied.length > 0 ? `${count(applied.length)} applied.` : 'Nothing to apply.',
        );
      },
      { report: (line) => output.progress(line) },
    ),
  );
}

export async function migrateDown(output: Output, steps: number): Promise<void> {
  const settings = readConfig('command').migrationDatabase;
  await withFile(settings, () =>
    withMigrator(
      settings,
      async (migrator) => {
        const undone = await migrator.down(steps);
        output.result({ undone }, undone.length > 0 ? `${count(undone.length)} undone.` : 'Nothing to undo.');
      },
      { report: (line) => output.progress(line) },
    ),
  );
}

export async function migrateStatus(output: Output): Promise<void> {
  const settings = readConfig('command').migrationDatabase;
  await withMigrator(
    settings,
    async (migrator) => {
      const status = await migrator.status();
      const lines = [
        ...status.applied.map((name) => `  applied  ${name}`),
        ...status.ahead.map((name) => `  ahead    ${name} (of a newer release)`),
        ...status.pending.map((name) => `  pending  ${name}`),
      ];
      output.result(status, lines.join('\n'));
    },
    { readOnly: true },
  );
}

export async function verifySchema(output: Output): Promise<void> {
  const settings = readConfig('command').migrationDatabase;
  const { pending, differences } = await withMigrator(
    settings,
    async (migrator, dataSource) => {
      const status = await migrator.status();
      return {
        pending: status.pending,
        differences: status.pending.length > 0 ? [] : await findDrift(dataSource),
      };
    },
    { readOnly: true },
  );
  const valid = pending.length === 0 && differences.length === 0;
  if (valid) {
    output.result({ valid, pending, differences }, 'The schema is what the migrations made.');
    return;
  }
  const reasons = [...pending.map((name) => `${name} is not applied`), ...differences];
  if (output.json) output.result({ valid, pending, differences }, '');
  throw new CommandError(`The schema is not what it should be:\n${bullets(reasons)}`);
}

async function showPlan(output: Output, settings: DatabaseSettings, to: string | undefined): Promise<void> {
  const planned = await withMigrator(settings, (migrator) => migrator.plan(to), { readOnly: true });
  const text = planned
    .map(({ name, statements }) => `-- ${name}\n${statements.map((line) => `${line};`).join('\n')}`)
    .join('\n\n');
  output.result(planned, planned.length > 0 ? text : '-- Nothing to apply.');
}

/** Holds the SQLite file for `work`: a migration is not safe beside a server. Another migrator is waited for. */
async function withFile<T>({ url }: DatabaseSettings, work: () => Promise<T>): Promise<T> {
  if (url.kind !== 'sqlite') return work();
  const deadline = performance.now() + FILE_WAIT_MS;
  let lock: FileLock | undefined;
  while (!lock) {
    try {
      lock = FileLock.acquire(url.path);
    } catch (error) {
      if (!(error instanceof DatabaseFileInUseError) || performance.now() > deadline) throw error;
      await sleep(100);
    }
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

function count(migrations: number): string {
  return migrations === 1 ? 'One migration' : `${migrations} migrations`;
}

function bullets(lines: string[]): string {
  return lines.map((line) => `  - ${line}`).join('\n');
}
