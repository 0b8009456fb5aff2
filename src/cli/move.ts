import { databaseArgument, SecretInArgumentError } from '../config/database-argument.js';
import { readConfig } from '../config/read-config.js';
import { describeDatabase, DatabaseUrlError, type DatabaseUrl } from '../database/database-url.js';
import { moveDatabase } from '../backup/move.js';
import { type Output, UsageError } from './output.js';

/** Copies every row of one database into an empty one, compared before anything is kept. */
export async function move(output: Output, { from, to }: { from: string; to: string }): Promise<void> {
  const settings = readConfig('command').migrationDatabase;
  const [source, target] = [argument('--from', from), argument('--to', to)];
  process.umask(0o077);
  const started = performance.now();
  const bar = output.progressBar();
  const tables = await moveDatabase(
    { ...settings, url: source },
    { ...settings, url: target },
    bar.move,
  ).finally(bar.stop);
  const rows = Object.values(tables).reduce((sum, table) => sum + table.rows, 0);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  output.result(
    { from: describeDatabase(source), to: describeDatabase(target), rows, seconds, tables },
    `${rows} rows of ${Object.keys(tables).length} tables moved in ${seconds} s; every count and digest is the same.\nNow let DATABASE_URL name ${describeDatabase(target)}.`,
  );
}

function argument(option: string, text: string): DatabaseUrl {
  try {
    return databaseArgument(text);
  } catch (error) {
    if (error instanceof SecretInArgumentError || error instanceof DatabaseUrlError)
      throw new UsageError(`${option}: ${error.message}`);
    throw error;
  }
}
