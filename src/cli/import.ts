import { readFile } from 'node:fs/promises';
import { ClientImportService } from '../clients/client-import.service.js';
import { Problem } from '../common/problem.js';
import { DemoImportService } from '../demos/demo-import.service.js';
import { withServices } from './context.js';
import { CommandError, type Output } from './output.js';

const importers = { clients: ClientImportService, demos: DemoImportService };

/**
 * Makes clients or demos from a CSV file: all of them or none.
 * @throws CommandError when the file cannot be read or has a bad line; each is printed with its number and reason
 */
export async function importFile(
  output: Output,
  kind: 'clients' | 'demos',
  path: string,
  dryRun: boolean,
): Promise<void> {
  const file = await readFile(path).catch(() => {
    throw new CommandError(`${path} cannot be read.`);
  });
  await withServices(async (services) => {
    const bar = output.progressBar();
    const importing = services.get<ClientImportService | DemoImportService>(importers[kind]);
    const { created } = await importing
      .import(file, { dryRun, progress: bar.move })
      .catch((error: unknown) => {
        bar.stop();
        throw error instanceof Problem ? refusal(output, error) : error;
      });
    bar.stop();
    output.result(
      { created, dryRun },
      dryRun ? `${created} ${kind} would be made; nothing was changed.` : `${created} ${kind} made.`,
    );
  });
}

/** Tells every bad line, and returns what ends the command. */
function refusal(output: Output, { message, errors = [] }: Problem): CommandError {
  if (output.json) output.result({ created: 0, errors }, '');
  for (const { line, field, message: reason } of errors)
    output.progress(line === undefined ? `${field}: ${reason}` : `line ${line}: ${field}: ${reason}`);
  const lines = new Set(errors.map(({ line }) => line)).size;
  return new CommandError(
    lines > 0 ? `${lines} bad ${lines === 1 ? 'line' : 'lines'}; nothing was changed.` : message,
  );
}
