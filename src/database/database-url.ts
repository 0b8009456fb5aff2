import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';

/** A file of SQLite. */
export interface SqliteUrl {
  readonly kind: 'sqlite';
  readonly path: string;
}

/** A database of PostgreSQL, taken apart so that nothing else reads `sslmode` its own way. */
export interface PostgresUrl {
  readonly kind: 'postgres';
  /** A host name, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user?: string;
  readonly password?: string;
  readonly tls: TlsMode;
  /** PEM files: whom to trust, and who we are. */
  readonly tlsFiles: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly channelBinding: boolean;
  /** Server settings of the session, as in libpq's `options`. */
  readonly options?: string;
  readonly applicationName?: string;
}

export type DatabaseUrl = SqliteUrl | PostgresUrl;

/**
 * As libpq reads `sslmode`: `require` encrypts and trusts any certificate (where a CA is given: its own alone),
 * `verify-ca` checks who signed it, `verify-full` also the host name.
 * https://www.postgresql.org/docs/current/libpq-ssl.html
 */
const tlsModes = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
export type TlsMode = (typeof tlsModes)[number];

const parameters = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'channel_binding',
  'application_name',
  'options',
  'host',
];

const howTo = 'Use sqlite:./data/ecatalog.db or postgres://user:password@host:5432/database';

/** The address of a database can't be used; the message says why and never shows the password. */
export class DatabaseUrlError extends Error {
  override name = 'DatabaseUrlError';
}

/**
 * Reads `DATABASE_URL`.
 * @throws DatabaseUrlError with a hint, for what is neither SQLite nor PostgreSQL or is not well formed
 */
export function parseDatabaseUrl(text: string): DatabaseUrl {
  const trimmed = text.trim();
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(trimmed)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'sqlite':
      return parseSqlite(trimmed.slice('sqlite:'.length));
    case 'postgres':
    case 'postgresql':
      return parsePostgres(trimmed);
    case 'file':
      throw new DatabaseUrlError(`file: is not accepted, write sqlite:PATH. ${howTo}.`);
    case undefined:
      throw new DatabaseUrlError(`The address of the database names no kind of database. ${howTo}.`);
    default:
      throw new DatabaseUrlError(`${scheme}: is not supported. ${howTo}.`);
  }
}

/** The address from its parts, as Kubernetes operators put them into secrets. */
export function postgresUrlFromParts(parts: {
  readonly host: string;
  readonly port?: number;
  readonly database: string;
  readonly user?: string;
  readonly password?: string;
  readonly sslmode?: string;
}): PostgresUrl {
  const { sslmode, port = 5432, ...rest } = parts;
  return { kind: 'postgres', ...rest, port, tls: tlsMode(sslmode), tlsFiles: {}, channelBinding: false };
}

/** The address in words and without the password, for people and logs. */
export function describeDatabase(url: DatabaseUrl): string {
  return url.kind === 'sqlite'
    ? `the SQLite file ${url.path}`
    : `the PostgreSQL database "${url.database}" on ${url.host}:${url.port}`;
}

/**
 * What node's TLS needs for the address, `false` where it asks for none.
 * @throws DatabaseUrlError where a certificate file can't be read
 */
export function tlsOptions(url: PostgresUrl): ConnectionOptions | false {
  if (url.tls === 'disable') return false;
  const { ca, cert, key } = url.tlsFiles;
  return {
    ...(ca && { ca: readPem(ca) }),
    ...(cert && { cert: readPem(cert) }),
    ...(key && { key: readPem(key) }),
    rejectUnauthorized: url.tls !== 'require' || ca !== undefined,
    ...(url.tls !== 'verify-full' && { checkServerIdentity: () => undefined }),
  };
}

function parseSqlite(rest: string): SqliteUrl {
  const path = rest.startsWith('///') ? rest.slice(2) : rest;
  if (path.startsWith('//')) throw new DatabaseUrlError(`sqlite: takes a path and no host. ${howTo}.`);
  if (path === '') throw new DatabaseUrlError(`sqlite: names no file. ${howTo}.`);
  if (path === ':memory:' || path.includes('mode=memory'))
    throw new DatabaseUrlError('SQLite in memory has no second connection to read from: name a file.');
  if (path.includes('?')) throw new DatabaseUrlError('sqlite: takes a path and no parameters.');
  return { kind: 'sqlite', path };
}

function parsePostgres(text: string): PostgresUrl {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new DatabaseUrlError(
      'The address of the PostgreSQL database is not well formed. Percent-encode / ? # @ : % in user and password.',
    );
  }
  const unknown = [...url.searchParams.keys()].filter((name) => !parameters.includes(name));
  if (unknown.length > 0)
    throw new DatabaseUrlError(
      `The address of the PostgreSQL database has the unknown parameter ${unknown.join(', ')}; known are ${parameters.join(', ')}.`,
    );
  const database = decodeURIComponent(url.pathname.slice(1));
  if (database === '')
    throw new DatabaseUrlError(`The address of the PostgreSQL server names no database. ${howTo}.`);
  const given = (name: string) => url.searchParams.get(name) || undefined;
  return {
    kind: 'postgres',
    host: given('host') ?? (url.hostname.replace(/^\[|\]$/g, '') || 'localhost'),
    port: url.port ? Number(url.port) : 5432,
    database,
    ...(url.username && { user: decodeURIComponent(url.username) }),
    ...(url.password && { password: decodeURIComponent(url.password) }),
    tls: tlsMode(given('sslmode')),
    tlsFiles: {
      ...(given('sslrootcert') && { ca: given('sslrootcert') }),
      ...(given('sslcert') && { cert: given('sslcert') }),
      ...(given('sslkey') && { key: given('sslkey') }),
    },
    channelBinding: ['require', 'prefer'].includes(given('channel_binding') ?? ''),
    ...(given('options') && { options: given('options') }),
    ...(given('application_name') && { applicationName: given('application_name') }),
  };
}

function tlsMode(sslmode = 'disable'): TlsMode {
  const mode = tlsModes.find((known) => known === sslmode);
  // `allow` and `prefer` fall back to plain text without a word.
  if (!mode)
    throw new DatabaseUrlError(`sslmode=${sslmode} is not supported: choose one of ${tlsModes.join(', ')}.`);
  return mode;
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new DatabaseUrlError(`The certificate file ${path} can't be read.`);
  }
}
