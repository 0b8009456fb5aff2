import { type DataSource, QueryFailedError } from 'typeorm';

/** The database can't answer now: the request may be tried again later (503). */
export class DatabaseUnavailableError extends Error {
  override name = 'DatabaseUnavailableError';

  /** @param detail one sentence for the client, without names of hosts or files */
  constructor(
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(detail, options);
  }
}

/** A write waited longer than `laneTimeoutMs` for its turn, or for another process that holds the SQLite file. */
export class WriteLaneTimeoutError extends DatabaseUnavailableError {
  override name = 'WriteLaneTimeoutError';

  constructor(options?: ErrorOptions) {
    super('The database is busy with other writes.', options);
  }
}

/** Code inside a unit of work used a connection that is not the unit's: a mistake in the program. */
export class OutsideUnitOfWorkError extends Error {
  override name = 'OutsideUnitOfWorkError';

  constructor(
    message = 'Inside a unit of work use its manager (`uow.manager`), not an injected repository or data source.',
  ) {
    super(message);
  }
}

/**
 * Something inside a transaction failed and was swallowed: PostgreSQL refuses such a transaction, so SQLite does too.
 * Avoid the failing statement (`ON CONFLICT DO NOTHING`) or let the error end the unit of work.
 */
export class TransactionAbortedError extends Error {
  override name = 'TransactionAbortedError';

  constructor(options?: ErrorOptions) {
    super('The transaction holds a failed statement and was rolled back.', options);
  }
}

/** What both drivers tell about a failed statement. */
interface DriverError {
  readonly code: string;
  readonly message: string;
  /** PostgreSQL names the constraint; for SQLite `failedQuery` finds it. */
  readonly constraint?: string;
  readonly constraints?: readonly string[];
}

/** Whether a unique constraint, unique index or primary key was violated: any, or the one so named (`uq_…`). */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  const unique = [
    '23505',
    'SQLITE_CONSTRAINT_UNIQUE',
    'SQLITE_CONSTRAINT_PRIMARYKEY',
    'SQLITE_CONSTRAINT_ROWID',
  ];
  return violates(error, unique, constraint);
}

/** Whether a CHECK was violated: any, or the one so named (`ck_…`). */
export function isCheckViolation(error: unknown, constraint?: string): boolean {
  return violates(error, ['23514', 'SQLITE_CONSTRAINT_CHECK'], constraint);
}

/** Whether a row refers to one that is not there, or is still referred to. SQLite does not say by which key. */
export function isForeignKeyViolation(error: unknown): boolean {
  return violates(error, ['23503', 'SQLITE_CONSTRAINT_FOREIGNKEY']);
}

/** Whether PostgreSQL rolled a transaction back so that another could go on; the same work may be tried again. */
export function isSerializationFailure(error: unknown): boolean {
  return ['40001', '40P01'].includes(codeOf(error) ?? '');
}

/** Whether PostgreSQL gave up waiting for a table's or a row's lock. */
export function isLockTimeout(error: unknown): boolean {
  const cause = error instanceof DatabaseUnavailableError ? error.cause : error;
  return codeOf(cause) === '55P03';
}

/** Whether PostgreSQL ended a statement that took longer than `statement_timeout`. */
export function isStatementTimeout(error: unknown): boolean {
  const cause = error instanceof DatabaseUnavailableError ? error.cause : error;
  return codeOf(cause) === '57014';
}

/** Whether another connection holds SQLite's write lock at this moment. */
export function isSqliteBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error) ?? '');
}

/** Whether the connection itself is lost or in an unknown state, so that it must not be used again. */
export function isConnectionLoss(error: unknown): boolean {
  const { code = '', message = '' } = driverErrorOf(error) ?? {};
  return lostCodes.test(code) || lostMessages.test(message);
}

/**
 * What a driver threw, as the rest of the program knows it: `DatabaseUnavailableError` where trying later may help,
 * else TypeORM's `QueryFailedError`. Parameters and row values are left out, because errors are logged.
 */
export function failedQuery(sql: string, error: unknown, dataSource: DataSource): Error {
  if (error instanceof QueryFailedError) return error;
  const unavailable = unavailability(error);
  if (unavailable) return unavailable;
  if (codeOf(error) === undefined) return error as Error;
  const driverError = error as Error & { detail?: string; constraints?: readonly string[] };
  // "Key (email)=(…) already exists", "Failing row contains (…)".
  delete driverError.detail;
  if (codeOf(error)?.startsWith('SQLITE_CONSTRAINT'))
    driverError.constraints = sqliteConstraints(driverError.message, codeOf(error) ?? '', dataSource);
  return new QueryFailedError(sql, undefined, driverError);
}

/** `DatabaseUnavailableError` for a lost connection, a time-out or a full disk; undefined for what a retry won't help. */
export function unavailability(error: unknown): DatabaseUnavailableError | undefined {
  if (error instanceof DatabaseUnavailableError) return error;
  const { code = '', message = '' } = driverErrorOf(error) ?? {};
  const known = unavailable.find(([codes, messages]) => codes.test(code) || messages?.test(message));
  return known && new DatabaseUnavailableError(known[2], { cause: error });
}

// PostgreSQL: https://www.postgresql.org/docs/current/errcodes-appendix.html · SQLite: https://sqlite.org/rescode.html
const lostCodes = /^(08...|57P0[1-5]|25P0[34]|E(CONN|PIPE|HOST|NET|TIMEDOUT|AI_|NOTFOUND)\w*)$/;
const lostMessages =
  /^(Connection terminated|Client has encountered a connection error|Query read timeout|Client was closed)/;
const unavailable: readonly (readonly [RegExp, RegExp | undefined, string])[] = [
  [lostCodes, lostMessages, 'The connection to the database is lost.'],
  [
    /^(53300)$/,
    /^(timeout exceeded when trying to connect|Driver not Connected)/,
    'No connection to the database is free.',
  ],
  [/^57014$/, undefined, 'The database took too long to answer.'],
  [/^(55P03|SQLITE_BUSY\w*|SQLITE_LOCKED\w*)$/, undefined, 'The database is busy with other work.'],
  [/^(53...|SQLITE_FULL)$/, undefined, 'The database has no room left.'],
  [/^(25006|SQLITE_READONLY\w*)$/, undefined, 'The database takes no writes.'],
  [
    /^SQLITE_(IOERR\w*|CANTOPEN\w*|PERM)$/,
    /database connection is not open/,
    'The database file can not be reached.',
  ],
  [/^SQLITE_(CORRUPT\w*|NOTADB)$/, undefined, 'The database file is damaged.'],
];

function codeOf(error: unknown): string | undefined {
  return driverErrorOf(error)?.code;
}

function driverErrorOf(error: unknown): DriverError | undefined {
  const inner: unknown = error instanceof QueryFailedError ? error.driverError : error;
  // Not instanceof: the errors of Node itself belong to another realm where Jest runs this.
  return typeof inner === 'object' && inner !== null && 'message' in inner
    ? (inner as DriverError)
    : undefined;
}

function violates(error: unknown, codes: readonly string[], constraint?: string): boolean {
  const found = driverErrorOf(error);
  if (!found || !codes.includes(found.code)) return false;
  return (
    constraint === undefined || found.constraint === constraint || !!found.constraints?.includes(constraint)
  );
}

/**
 * The constraints that SQLite's message may stand for: it names a CHECK, but for the rest only columns
 * (`UNIQUE constraint failed: demos.slug`). Two unique indexes on the same columns can't be told apart.
 */
function sqliteConstraints(message: string, code: string, dataSource: DataSource): string[] {
  const [, what = ''] = /constraint failed: (.*)$/.exec(message) ?? [];
  if (code === 'SQLITE_CONSTRAINT_CHECK') return [what];
  const index = /^index '(.*)'$/.exec(what)?.[1];
  if (index) return [index];
  const [table] = what.split('.');
  const columns = what.split(', ').map((column) => column.slice(column.indexOf('.') + 1));
  const metadata = dataSource.entityMetadatas.find((entity) => entity.tableName === table);
  if (!metadata) return [];
  if (code === 'SQLITE_CONSTRAINT_PRIMARYKEY')
    return [dataSource.namingStrategy.primaryKeyName(table ?? '', columns)];
  const sameColumns = (candidate: { columns: { databaseName: string }[] }) =>
    candidate.columns.map((column) => column.databaseName).join() === columns.join();
  const uniques = [...metadata.uniques, ...metadata.indices.filter((entry) => entry.isUnique)];
  return uniques.filter(sameColumns).map((unique) => unique.name);
}
