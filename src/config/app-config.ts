import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { databaseDefaults, type DatabaseSettings } from '../database/database-settings.js';
import { type DatabaseUrl, parseDatabaseUrl, type PostgresUrl } from '../database/database-url.js';
import { type Network, parseNetworks } from './networks.js';
import { type VariableName, type Variable, variables } from './variables.js';

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Everything the environment decides, typed and checked once at boot. */
export class AppConfig {
  production!: boolean;
  host!: string;
  port!: number;
  metricsPort!: number;
  database!: DatabaseSettings;
  /** Where migrations connect: the owner role on PostgreSQL. */
  migrationDatabase!: DatabaseSettings;
  /** Signs access tokens; `previous` is still taken after a rotation. */
  jwt!: { current: KeyObject; previous?: KeyObject };
  /** 32 bytes that encrypt what is stored (DATA_KEY); a command in production may do without. */
  dataKey?: Buffer;
  /** The key before it, which may still have encrypted some (DATA_KEY_PREVIOUS). */
  previousDataKey?: Buffer;
  admin?: { email: string; password: string };
  publicUrl?: string;
  /** Where mail goes out; without it nothing is mailed. */
  smtp?: { url: string; from: string };
  /** How often it is asked which background jobs are due; 0: this process does none. */
  jobsTickMs!: number;
  trustedProxies!: string[];
  corsOrigins!: string[];
  /** Private networks that may be fetched from. */
  egressAllow!: Network[];
  registryAuthFile?: string;
  logLevel!: LogLevel;
  drainMs!: number;
  /** Where backups lie, and how many of each kind of period stay. */
  backup!: { folder: string; keep: { daily: number; weekly: number; monthly: number } };
}

/** The environment is wrong; each message names its variable and never shows a secret's value. */
export class ConfigError extends Error {
  constructor(readonly messages: string[]) {
    super(`The configuration is not valid:\n${messages.map((message) => `  - ${message}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Words of secrets that stand in documents and examples (ASVS 5.0 6.3.2); random text does not hold them. */
const KNOWN_SECRET =
  /change.?me|secret|password|example|default|placeholder|insecure|your.?(jwt|key|256)|0123456789abc|abcdefgh/i;

/**
 * Reads the configuration.
 * @param env the environment; `NAME_FILE` stands for a secret's `NAME`
 * @param purpose `serve` demands the secrets; a `command` beside the server signs nothing and does without them
 * @throws ConfigError naming every variable that is missing, weak or malformed
 */
export function loadConfig(env: NodeJS.ProcessEnv, purpose: 'serve' | 'command' = 'serve'): AppConfig {
  const problems: string[] = [];
  const attempt = <T>(name: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message}`);
      return undefined;
    }
  };
  const raw = (name: VariableName): string | undefined => {
    const variable: Variable | undefined = variables.find((entry) => entry.name === name);
    const file = variable?.secret ? env[`${name}_FILE`] : undefined;
    if (file !== undefined && file !== '') {
      return attempt(`${name}_FILE`, () => {
        try {
          return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
        } catch {
          throw new Error('the file cannot be read');
        }
      });
    }
    const value = env[name];
    return value === undefined || value === '' ? variable?.default : value;
  };
  const whole = (name: VariableName, min: number, max: number): number =>
    attempt(name, () => {
      const value = Number(raw(name));
      if (!Number.isInteger(value) || value < min || value > max) {
        throw new Error(`must be a whole number from ${min} to ${max}`);
      }
      return value;
    }) ?? min;
  const list = (name: VariableName): string[] =>
    (raw(name) ?? '')
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean);

  const config = new AppConfig();
  // A misspelt `production` must not make the product generate secrets.
  const environments = ['production', 'development', 'test'] as const;
  config.production = attempt('NODE_ENV', () => oneOf(raw('NODE_ENV'), environments)) === 'production';
  config.host = raw('HOST') ?? '127.0.0.1';
  config.port = whole('PORT', 0, 65535);
  config.metricsPort = whole('METRICS_PORT', 0, 65535);
  config.drainMs = whole('DRAIN_SECONDS', 0, 300) * 1000;

  const url = attempt('DATABASE_URL', () => databaseUrl(raw, env));
  const replicaText = raw('DATABASE_REPLICA_URL');
  const settings: Omit<DatabaseSettings, 'url'> = {
    ...databaseDefaults,
    mustExist: config.production || purpose === 'command',
    besideServer: purpose === 'command',
    synchronous:
      attempt('SQLITE_SYNCHRONOUS', () => oneOf(raw('SQLITE_SYNCHRONOUS'), ['FULL', 'NORMAL'] as const)) ??
      'FULL',
    laneTimeoutMs: whole('WRITE_LANE_TIMEOUT_MS', 1, 600_000),
    poolSize: whole('DATABASE_POOL_SIZE', 1, 1000),
    connectTimeoutMs: whole('DATABASE_CONNECT_TIMEOUT_MS', 1, 600_000),
    statementTimeoutMs: whole('DATABASE_STATEMENT_TIMEOUT_MS', 1, 3_600_000),
    lockTimeoutMs: whole('DATABASE_LOCK_TIMEOUT_MS', 1, 3_600_000),
    idleTxTimeoutMs: whole('DATABASE_IDLE_TX_TIMEOUT_MS', 1, 3_600_000),
    idleConnectionMs: whole('DATABASE_IDLE_CONNECTION_MS', 1, 3_600_000),
    maxConnectionAgeS: whole('DATABASE_MAX_CONNECTION_AGE_S', 1, 86_400),
    ...(replicaText && { replicaUrl: attempt('DATABASE_REPLICA_URL', () => replicaOf(url, replicaText)) }),
  };
  if (url) {
    config.database = { ...settings, url };
    const migrationText = raw('DATABASE_MIGRATION_URL');
    const migrationUrl =
      migrationText && attempt('DATABASE_MIGRATION_URL', () => parseDatabaseUrl(migrationText));
    config.migrationDatabase = { ...settings, url: migrationUrl || url, mustExist: false };
  }

  const secretText = raw('JWT_SECRET') ?? ownSecret(purpose, config.production, url);
  const current = attempt('JWT_SECRET', () => signingKey(secretText, config.production));
  const previousText = raw('JWT_SECRET_PREVIOUS');
  const previous =
    previousText === undefined
      ? undefined
      : attempt('JWT_SECRET_PREVIOUS', () => signingKey(previousText, config.production));
  if (current) config.jwt = { current, ...(previous && { previous }) };

  const dataKeyText = raw('DATA_KEY') ?? ownDataKey(purpose, config.production, url);
  if (dataKeyText !== undefined || purpose === 'serve') {
    const dataKey = attempt('DATA_KEY', () => encryptionKey(dataKeyText, config.production));
    if (dataKey) config.dataKey = dataKey;
  }
  const previousDataKeyText = raw('DATA_KEY_PREVIOUS');
  if (previousDataKeyText !== undefined) {
    const previousDataKey = attempt('DATA_KEY_PREVIOUS', () =>
      encryptionKey(previousDataKeyText, config.production),
    );
    if (previousDataKey) config.previousDataKey = previousDataKey;
  }

  const email = raw('ADMIN_EMAIL');
  const password = raw('ADMIN_PASSWORD');
  if (email && password) config.admin = { email, password };
  else if (email || password)
    problems.push(`${email ? 'ADMIN_PASSWORD' : 'ADMIN_EMAIL'}: must be given with the other`);

  const publicUrl = raw('PUBLIC_URL');
  if (publicUrl) {
    config.publicUrl = attempt('PUBLIC_URL', () => {
      if (!/^https?:\/\//.test(publicUrl) || !URL.canParse(publicUrl))
        throw new Error('must be an http or https address');
      return publicUrl.replace(/\/+$/, '');
    });
  }
  const smtpUrl = raw('SMTP_URL');
  if (smtpUrl) {
    const url = attempt('SMTP_URL', () => mailServer(smtpUrl));
    const from = attempt('MAIL_FROM', () => sender(raw('MAIL_FROM'), config.publicUrl));
    if (url && from) config.smtp = { url, from };
  }
  config.jobsTickMs = purpose === 'command' ? 0 : whole('JOBS_TICK_MS', 0, 60_000);
  config.backup = {
    folder: raw('BACKUP_DIR') ?? '',
    keep: {
      daily: whole('BACKUP_KEEP_DAILY', 0, 10_000),
      weekly: whole('BACKUP_KEEP_WEEKLY', 0, 10_000),
      monthly: whole('BACKUP_KEEP_MONTHLY', 0, 10_000),
    },
  };
  config.trustedProxies = list('TRUSTED_PROXIES');
  for (const proxy of config.trustedProxies) {
    if (isIP(proxy.split('/')[0] ?? '') === 0)
      problems.push(`TRUSTED_PROXIES: ${proxy} is no address or network`);
  }
  config.egressAllow = attempt('EGRESS_ALLOW', () => parseNetworks(list('EGRESS_ALLOW'))) ?? [];
  const registryAuthFile = raw('REGISTRY_AUTH_FILE');
  if (registryAuthFile !== undefined) config.registryAuthFile = registryAuthFile;
  config.corsOrigins = list('CORS_ORIGINS');
  for (const origin of config.corsOrigins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      problems.push(`CORS_ORIGINS: ${origin} is no origin, as in https://app.example.com`);
    }
  }
  const logLevel = raw('LOG_LEVEL') ?? (config.production ? 'info' : 'warn');
  config.logLevel = attempt('LOG_LEVEL', () => oneOf(logLevel, logLevels)) ?? 'info';

  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function replicaOf(primary: DatabaseUrl | undefined, text: string): PostgresUrl {
  const url = parseDatabaseUrl(text);
  if (url.kind !== 'postgres' || primary?.kind === 'sqlite')
    throw new Error('only PostgreSQL has a read replica');
  return url;
}

function databaseUrl(raw: (name: VariableName) => string | undefined, env: NodeJS.ProcessEnv): DatabaseUrl {
  const host = raw('DATABASE_HOST');
  if (!host) return parseDatabaseUrl(raw('DATABASE_URL') ?? '');
  if (env.DATABASE_URL || env.DATABASE_URL_FILE)
    throw new Error('give either DATABASE_URL or its parts, not both');
  const url = new URL('postgres://host');
  url.hostname = host;
  url.port = raw('DATABASE_PORT') ?? '5432';
  url.pathname = `/${encodeURIComponent(raw('DATABASE_NAME') ?? '')}`;
  url.username = encodeURIComponent(raw('DATABASE_USER') ?? '');
  url.password = encodeURIComponent(raw('DATABASE_PASSWORD') ?? '');
  const sslmode = raw('DATABASE_SSLMODE');
  if (sslmode) url.searchParams.set('sslmode', sslmode);
  return parseDatabaseUrl(url.href);
}

/** The key of a JWT secret; as a KeyObject, because jsonwebtoken takes twice as long with a string. */
function signingKey(secret: string | undefined, production: boolean): KeyObject {
  if (secret === undefined)
    throw new Error('is missing: give 32 random bytes or more, as from `openssl rand -base64 48`');
  const bytes = Buffer.from(secret);
  if (bytes.length < 32) throw new Error('is too short: it needs 32 bytes or more');
  if (production && (KNOWN_SECRET.test(secret) || new Set(bytes).size < 10)) {
    throw new Error('is a known or guessable one: give random bytes, as from `openssl rand -base64 48`');
  }
  return createSecretKey(bytes);
}

/** The bytes of DATA_KEY: base64 (also base64url) or hex. */
function encryptionKey(text: string | undefined, production: boolean): Buffer {
  if (text === undefined)
    throw new Error('is missing: give 32 random bytes, as from `openssl rand -base64 32`');
  const trimmed = text.trim();
  const isHex = /^[0-9a-f]{64}$/i.test(trimmed);
  if (!isHex && !/^[\w+/-]{43}=?$/.test(trimmed)) {
    throw new Error(
      'must be 32 bytes in base64 (44 characters) or hex (64), as from `openssl rand -base64 32`',
    );
  }
  const bytes = Buffer.from(trimmed, isHex ? 'hex' : 'base64');
  const steps = bytes.map((byte, index) => byte - bytes[(index + 1) % 32]!);
  const isGuessable = [bytes, steps].some((values) => new Set(values).size < 10);
  if (production && (isGuessable || [trimmed, bytes.toString('latin1')].some((t) => KNOWN_SECRET.test(t)))) {
    throw new Error('is a known or guessable one: give random bytes, as from `openssl rand -base64 32`');
  }
  return bytes;
}

/** The secret where none is given: none in production, and for a command one that nothing is signed with. */
function ownSecret(
  purpose: 'serve' | 'command',
  production: boolean,
  url: DatabaseUrl | undefined,
): string | undefined {
  if (purpose === 'command') return randomBytes(48).toString('base64');
  return production || !url ? undefined : kept(besideDatabase(url, 'jwt-secret'), 48);
}

/** The data key where none is given: none in production; in development a command reads the server's. */
function ownDataKey(
  purpose: 'serve' | 'command',
  production: boolean,
  url: DatabaseUrl | undefined,
): string | undefined {
  if (production || !url) return undefined;
  const path = besideDatabase(url, 'data-key');
  return purpose === 'serve' || existsSync(path) ? kept(path, 32) : undefined;
}

function besideDatabase(url: DatabaseUrl, name: string): string {
  return url.kind === 'sqlite' ? `${resolve(url.path)}.${name}` : resolve(`data/ecatalog.${name}`);
}

/** A development secret that is made once and kept in a file (mode 0600), so that a second start knows it. */
function kept(path: string, bytes: number): string {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, randomBytes(bytes).toString('base64'), { mode: 0o600, flag: 'wx' });
  }
  return readFileSync(path, 'utf8');
}

function mailServer(text: string): string {
  const hint = 'as in smtp://user:password@mail.example.com:587 or smtps://… (TLS from the first byte)';
  if (!/^smtps?:\/\/./.test(text) || !URL.canParse(text)) throw new Error(`must be an address, ${hint}`);
  return text;
}

/** Who mails come from: MAIL_FROM, or a name at the front end's host. */
function sender(text: string | undefined, publicUrl: string | undefined): string {
  const host = publicUrl === undefined ? 'localhost' : new URL(publicUrl).hostname;
  if (text === undefined) return `LTP Labs <no-reply@${isIP(host) === 0 ? host : 'localhost'}>`;
  const address = String.raw`[^\s<>@,]+@[^\s<>@,]+`;
  if (!new RegExp(`^(${address}|[^<>\\r\\n]*<${address}>)$`).test(text))
    throw new Error('must be an address, as in `LTP Labs <catalog@example.com>`');
  return text;
}

function oneOf<T extends string>(value: string | undefined, words: readonly T[]): T {
  const word = words.find((candidate) => candidate === value);
  if (!word) throw new Error(`must be one of ${words.join(', ')}`);
  return word;
}
