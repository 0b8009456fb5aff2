import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { entities as allEntities } from './entities.js';
import type { DatabaseSettings } from './database-settings.js';
import { tlsOptions, type PostgresUrl } from './database-url.js';
import { SnakeNamingStrategy } from './naming.js';
import { UnitPostgresDriver } from './postgres/unit-driver.js';
import { LaneSqliteDriver, type LaneSettings } from './sqlite/lane-driver.js';
import { Sqlite } from './sqlite/sqlite.js';

/** A class with `@Entity`. */
export type EntityClass = new () => object;

/** The application shares its connections and must never wait long; the migrator is alone and may. */
export type DatabaseRole = 'app' | 'migrator';

export interface DataSourceChoice {
  readonly role: DatabaseRole;
  /** Every entity of the program, unless a test brings its own. */
  readonly entities?: EntityClass[];
  /** Hears of connections that fail while they are idle; the pool replaces them by itself. */
  readonly onPoolError?: (error: Error) => void;
}

/**
 * The one switch between the two databases.
 * @returns the data source, not yet initialised
 */
export function buildDataSource(settings: DatabaseSettings, choice: DataSourceChoice): DataSource {
  return dataSourceFrom(dataSourceOptions(settings, choice));
}

/** The options alone, for TypeOrmModule; `dataSourceFrom` makes the data source of them. */
export function dataSourceOptions(settings: DatabaseSettings, choice: DataSourceChoice): DataSourceOptions {
  const shared = {
    entities: choice.entities ?? allEntities,
    namingStrategy: new SnakeNamingStrategy(),
    synchronize: false,
    migrationsRun: false,
    logging: false,
  } as const;
  const { url } = settings;
  return url.kind === 'postgres'
    ? { ...shared, ...postgresOptions(url, settings, choice) }
    : {
        ...shared,
        type: 'better-sqlite3',
        database: url.path,
        driver: Sqlite,
        extra: laneSettings(url.path, settings, choice.role),
      };
}

/** The data source of such options, with our driver in place of TypeORM's. */
export function dataSourceFrom(options: DataSourceOptions): DataSource {
  const dataSource = new DataSource(options);
  dataSource.driver =
    options.type === 'postgres'
      ? new UnitPostgresDriver(dataSource)
      : new LaneSqliteDriver(dataSource, (options as { extra: LaneSettings }).extra);
  return dataSource;
}

function laneSettings(path: string, settings: DatabaseSettings, role: DatabaseRole): LaneSettings {
  const { synchronous, mustExist, laneTimeoutMs, idleTxTimeoutMs } = settings;
  return role === 'app'
    ? { path, synchronous, mustExist, laneTimeoutMs, idleTxTimeoutMs, openTimeoutMs: 20 }
    : {
        path,
        synchronous,
        mustExist,
        laneTimeoutMs: 60_000,
        idleTxTimeoutMs: 2 ** 31 - 1,
        openTimeoutMs: 5_000,
      };
}

function postgresOptions(
  url: PostgresUrl,
  settings: DatabaseSettings,
  { role, onPoolError }: DataSourceChoice,
) {
  const app = role === 'app';
  const { host, port, database, user, password } = url;
  return {
    type: 'postgres',
    host,
    port,
    database,
    username: user,
    password,
    installExtensions: false,
    connectTimeoutMS: settings.connectTimeoutMs,
    applicationName: url.applicationName ?? (app ? 'ecatalog' : 'ecatalog-migrate'),
    poolSize: app ? settings.poolSize : 2,
    poolErrorHandler: onPoolError ?? (() => undefined),
    extra: {
      ssl: tlsOptions(url),
      options: [url.options, '-c TimeZone=UTC'].filter(Boolean).join(' '),
      enableChannelBinding: url.channelBinding,
      keepAlive: true,
      idleTimeoutMillis: settings.idleConnectionMs,
      maxLifetimeSeconds: settings.maxConnectionAgeS,
      lock_timeout: settings.lockTimeoutMs,
      types: { getTypeParser },
      ...(app && {
        // Never none, so that `move` and `restore` see a server that has nothing to do.
        min: 1,
        statement_timeout: settings.statementTimeoutMs,
        idle_in_transaction_session_timeout: settings.idleTxTimeoutMs,
        // For a server that no longer answers at all.
        query_timeout: settings.statementTimeoutMs + 2_000,
      }),
    },
  } as const;
}

type TypeId = (typeof pg.types.builtins)[keyof typeof pg.types.builtins];

/** As pg does, but count(*) and bigint are numbers, as on SQLite. */
function getTypeParser(oid: TypeId, format: 'text' | 'binary' = 'text'): (value: string) => unknown {
  if (oid === pg.types.builtins.INT8 && format === 'text') return Number;
  return pg.types.getTypeParser(oid, format) as (value: string) => unknown;
}
