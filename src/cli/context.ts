import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { pino } from 'pino';
import { AppModule } from '../app.module.js';
import { Clock } from '../common/clock.js';
import { NestLogger } from '../common/nest-logger.js';
import type { AppConfig } from '../config/app-config.js';
import { DatabaseConnection } from '../database/connection.js';
import { readConfig } from '../config/read-config.js';
import { CommandError } from './output.js';

/**
 * Runs `work` with the app's services, without HTTP and beside a running server.
 * @param options.mail false where nobody is to be mailed, whatever happens
 * @throws CommandError when the database cannot be used, saying what to do
 */
export async function withServices<T>(
  work: (services: INestApplicationContext, config: AppConfig) => Promise<T>,
  { clock = new Clock(), mail = true } = {},
): Promise<T> {
  const config = readConfig('command');
  if (!mail) delete config.smtp;
  const logger = pino({ level: 'fatal' }, pino.destination(2));
  const services = await NestFactory.createApplicationContext(AppModule.of(config, clock), {
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  try {
    const { up, reason, hint } = await services.get(DatabaseConnection).connect();
    if (!up) throw new CommandError(`${reason} ${hint}`);
    return await work(services, config);
  } finally {
    await services.close();
  }
}
