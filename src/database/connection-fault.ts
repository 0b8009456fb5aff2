import { describeDatabase, DatabaseUrlError, type DatabaseUrl } from './database-url.js';
import { DatabaseFileInUseError } from './file-lock.js';
import { MigrationRefusedError } from './migrator.js';

/** Why there is no working connection, and what a person can do about it. */
export interface ConnectionFault {
  readonly reason: string;
  readonly hint: string;
}

/** The database can't be used as it is. */
export class DatabaseFaultError extends Error implements ConnectionFault {
  override name = 'DatabaseFaultError';

  constructor(
    readonly reason: string,
    readonly hint: string,
  ) {
    super(`${reason} ${hint}`);
  }
}

/** The fault in words, for the log, `doctor` and readiness. Never shows a password. */
export function explainFault(error: unknown, url: DatabaseUrl): ConnectionFault {
  if (error instanceof DatabaseFaultError) return error;
  if (error instanceof MigrationRefusedError)
    return { reason: error.message, hint: '`ecatalog migrate status` shows the history.' };
  if (error instanceof DatabaseFileInUseError)
    return { reason: error.message, hint: 'This one goes on by itself once the other has ended.' };
  if (error instanceof DatabaseUrlError) return { reason: error.message, hint: 'Correct DATABASE_URL.' };
  const { code = '', message } = rootOf(error);
  const known = (url.kind === 'sqlite' ? sqliteFaults : postgresFaults).find(
    ([codes, messages]) => codes.test(code) || messages?.test(message),
  );
  const database = describeDatabase(url);
  const subject = database.charAt(0).toUpperCase() + database.slice(1);
  return known
    ? { reason: `${subject} ${known[2]}${code && ` (${code})`}.`, hint: known[3] }
    : { reason: `${subject} can't be used: ${message}.`, hint: '`ecatalog doctor` looks closer.' };
}

type Fault = readonly [codes: RegExp, messages: RegExp | undefined, what: string, hint: string];

const sqliteFaults: readonly Fault[] = [
  [
    /^SQLITE_(NOTADB|CORRUPT\w*)$/,
    undefined,
    'is damaged or no SQLite database',
    'Restore it from a backup (`ecatalog backup restore`); nothing was changed.',
  ],
  [
    /^(SQLITE_CANTOPEN\w*|SQLITE_PERM|SQLITE_READONLY\w*|EACCES|EROFS|EPERM|ENOTDIR)$/,
    /directory does not exist/,
    "can't be opened to read and write",
    'Check that its folder exists and that this account may write both.',
  ],
  [
    /^SQLITE_(BUSY|LOCKED)/,
    undefined,
    'is locked by another program',
    'End that program; this one tries again by itself.',
  ],
  [/^SQLITE_(FULL|IOERR\w*)$/, undefined, "can't be written", 'Check the disk and the room left on it.'],
];

const postgresFaults: readonly Fault[] = [
  [
    /^28(P01|000)$/,
    undefined,
    'refuses this user or password',
    'Correct the user and password in DATABASE_URL.',
  ],
  [/^3D000$/, undefined, 'does not exist', 'Create it with CREATE DATABASE, then run `ecatalog migrate up`.'],
  [
    /^42501$/,
    undefined,
    'refuses this user',
    'Grant the role its rights on the tables; the migrations belong to the owner.',
  ],
  [
    /^(53300)$/,
    /timeout exceeded when trying to connect/,
    'has no connection free',
    'Raise max_connections there or lower DATABASE_POOL_SIZE here.',
  ],
  [
    /^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_|ERR_TLS|ERR_SSL)\w*$/,
    /does not support SSL|certificate/,
    "can't be reached by TLS as asked",
    'Check sslmode and sslrootcert in DATABASE_URL.',
  ],
  [
    /^(E[A-Z_]+|57P0\d|08...)$/,
    /Connection terminated|connection timeout/,
    "can't be reached",
    'Check that the server runs and that DATABASE_URL names it; this program tries again by itself.',
  ],
];

/** The driver's own error inside of ours and of TypeORM's. */
function rootOf(error: unknown): { code?: string; message: string } {
  const { cause, driverError, errors } = error as {
    cause?: unknown;
    driverError?: unknown;
    errors?: unknown[];
  };
  // Node tries each address of a name and collects the failures.
  const inner = driverError ?? cause ?? errors?.[0];
  return inner ? rootOf(inner) : (error as Error & { code?: string });
}
