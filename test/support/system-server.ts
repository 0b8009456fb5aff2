import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The folder of a PostgreSQL of the system, with the programs that npm's package lacks (`pg_dump`, `pg_basebackup`):
 * Debian's package `postgresql`. Undefined where there is none.
 */
export const systemServer = ['18', '17', '16', '15']
  .map((version) => `/usr/lib/postgresql/${version}/bin`)
  .find((folder) => existsSync(join(folder, 'postgres')));
