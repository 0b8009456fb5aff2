import { readFileSync } from 'node:fs';
import { type DatabaseUrl, DatabaseUrlError, parseDatabaseUrl } from '../database/database-url.js';

/** A password stands where every user of the machine can read it. */
export class SecretInArgumentError extends Error {
  override name = 'SecretInArgumentError';
}

/**
 * Reads a database that a command is told: an address without a password (PGPASSWORD or ~/.pgpass has it), or
 * `env:NAME` for one that the environment holds, also as `NAME_FILE`.
 * @throws SecretInArgumentError · DatabaseUrlError
 */
export function databaseArgument(text: string): DatabaseUrl {
  const name = /^env:(\w+)$/.exec(text)?.[1];
  if (name === undefined) {
    const url = parseDatabaseUrl(text);
    if (url.kind === 'postgres' && url.password !== undefined)
      throw new SecretInArgumentError(
        'A password in an argument can be read by everybody on this machine. Put the address into a variable and give env:NAME, or leave the password to PGPASSWORD.',
      );
    return url;
  }
  const file = process.env[`${name}_FILE`];
  const value = file ? fileContent(file) : process.env[name];
  if (!value) throw new DatabaseUrlError(`The variable ${name} is not set.`);
  return parseDatabaseUrl(value);
}

function fileContent(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new DatabaseUrlError(`${path} can't be read.`);
  }
}
