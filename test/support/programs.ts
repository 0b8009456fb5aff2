/** Programs beside Node that some suites need: where one is not installed, its suite is skipped and names it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The path of a program, or undefined where it is not installed. */
export function findProgram(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}
