import 'reflect-metadata';
import { pathToFileURL } from 'node:url';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from './app.setup.js';
import { FirstAdminService } from './auth/first-admin.service.js';
import { passwordFault } from './auth/password.rules.js';
import type { Clock } from './common/clock.js';
import { type AppConfig, ConfigError } from './config/app-config.js';
import { readConfig } from './config/read-config.js';
import { DatabaseConnection } from './database/connection.js';
import { withMigrator } from './database/migrator.js';
import { DrainingService } from './health/draining.service.js';
import { MetricsServer } from './metrics/metrics.server.js';

/** How long a connection may stay open in a drain. */
const CONNECTION_LIMIT_MS = 20_000;

/** How long a drain may take before the process ends all the same. */
const DRAIN_LIMIT_MS = 25_000;

export interface Running {
  app: NestFastifyApplication;
  /** Where it listens, e.g. `http://localhost:3000`. */
  url: string;
  /** Where it hands out its metrics; undefined while another program has that port. */
  metricsUrl: string | undefined;
  config: AppConfig;
  /** The first administrator, when this start made one; with the password only when it was generated. */
  firstAdmin?: { email: string; password?: string };
  close(): Promise<void>;
}

/** The first administrator's password must be as good as any other. */
function checkAdminPassword({ admin }: AppConfig): void {
  const fault = admin && passwordFault(admin.password, 'user', [admin.email]);
  if (fault) throw new ConfigError([`ADMIN_PASSWORD: ${fault}`]);
}

/**
 * Boots the product: listens, and in development first migrates the database and makes the first administrator. In
 * production neither is done by itself: a database that is missing, damaged or not migrated leaves the server live
 * but not ready, and the log says what to do.
 * @throws ConfigError, or the error of the port or of the development database
 */
export async function boot(options: { clock?: Clock } = {}): Promise<Running> {
  const config = readConfig();
  checkAdminPassword(config);
  const app = await createApp(config, options);
  try {
    const connection = app.get(DatabaseConnection);
    if (!config.production) {
      connection.claimFile();
      await withMigrator(config.migrationDatabase, (migrator) => migrator.up());
    }
    await app.listen(config.port, config.host);
    const metricsUrl = await app.get(MetricsServer).listen();
    const url = addressOf(app, config);
    const running: Running = { app, url, metricsUrl, config, close: () => drain(app, config) };
    const firstAdmin = connection.whenUp().then(() => ensureFirstAdmin(app));
    if (!config.production) running.firstAdmin = await firstAdmin;
    else firstAdmin.catch((error: unknown) => new Logger('FirstAdmin').error(error));
    closeOnSignals(running);
    return running;
  } catch (error) {
    await app.close();
    throw error;
  }
}

async function ensureFirstAdmin(app: NestFastifyApplication): Promise<Running['firstAdmin']> {
  const logger = new Logger('FirstAdmin');
  const result = await app.get(FirstAdminService).ensure();
  if (result.state === 'missing') {
    logger.warn(
      'There is no user yet. Run `ecatalog admin create`, or set ADMIN_EMAIL and ADMIN_PASSWORD and restart.',
    );
  }
  if (result.state !== 'created') return undefined;
  logger.log('The first administrator was made');
  const { email, password } = result;
  return { email, ...(password !== undefined && { password }) };
}

function addressOf(app: NestFastifyApplication, config: AppConfig): string {
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address ? address.port : config.port;
  const local = ['127.0.0.1', '0.0.0.0', '::', '::1', 'localhost'].includes(config.host);
  return `http://${local ? 'localhost' : config.host}:${port}`;
}

/** Readiness goes off first; what is under way is answered; then the database is closed. */
async function drain(app: NestFastifyApplication, config: AppConfig): Promise<void> {
  app.get(DrainingService).begin();
  if (config.drainMs > 0) await new Promise((resolve) => setTimeout(resolve, config.drainMs));
  // From here Node looks no more for requests that come in too slowly.
  const server = app.getHttpServer();
  const late = setTimeout(() => server.closeAllConnections(), CONNECTION_LIMIT_MS).unref();
  await app.close();
  clearTimeout(late);
}

function closeOnSignals(running: Running): void {
  const logger = new Logger('Shutdown');
  let closing = false;
  const close = (signal: string) => {
    if (closing) return;
    closing = true;
    logger.log(`${signal}: draining`);
    setTimeout(() => {
      logger.error('The drain took too long');
      process.exit(1);
    }, DRAIN_LIMIT_MS + running.config.drainMs).unref();
    running.close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error(error);
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => close(signal));
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  boot().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}
