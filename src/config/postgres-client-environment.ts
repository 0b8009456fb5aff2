import type { PostgresUrl } from '../database/database-url.js';

/**
 * The environment of a program of PostgreSQL that connects to `url`: where it is found, its own variables (PGPASSFILE
 * among them), and the address in parts, so that no password stands in an argument.
 * https://www.postgresql.org/docs/current/libpq-envars.html
 */
export function postgresClientEnvironment(url: PostgresUrl): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => /^(PATH|HOME|PG\w+)$/.test(name));
  const { host, port, database, user, password, tls, tlsFiles, channelBinding, options } = url;
  return {
    ...Object.fromEntries(own),
    LC_ALL: 'C',
    PGHOST: host,
    PGPORT: String(port),
    PGDATABASE: database,
    ...(user !== undefined && { PGUSER: user }),
    ...(password !== undefined && { PGPASSWORD: password }),
    PGSSLMODE: tls,
    ...(tlsFiles.ca && { PGSSLROOTCERT: tlsFiles.ca }),
    ...(tlsFiles.cert && { PGSSLCERT: tlsFiles.cert }),
    ...(tlsFiles.key && { PGSSLKEY: tlsFiles.key }),
    ...(channelBinding && { PGCHANNELBINDING: 'require' }),
    PGOPTIONS: [options, '-c TimeZone=UTC'].filter(Boolean).join(' '),
    PGAPPNAME: 'ecatalog-backup',
  };
}
