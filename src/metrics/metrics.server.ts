import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { collectDefaultMetrics } from 'prom-client';
import { SECOND } from '../common/clock.js';
import { gauge, registry } from '../common/metrics.js';
import { AppConfig } from '../config/app-config.js';
import { DatabaseConnection } from '../database/connection.js';
import { DrainingService } from '../health/draining.service.js';
import { DatabaseGauges } from './database-gauges.js';

const RETRY = 30 * SECOND;

const ready = gauge('ready', '1 while requests may come: the database is up and the process does not end.');

/**
 * Hands out the metrics on a port of their own, which no route of the API shares: whoever may reach it is decided by
 * the network. It never stops the product: where its port is taken, it says so and tries again.
 */
@Injectable()
export class MetricsServer implements OnApplicationShutdown {
  private readonly logger = new Logger('Metrics');
  private readonly server: Server;
  private retry?: NodeJS.Timeout;

  constructor(
    private readonly config: AppConfig,
    private readonly gauges: DatabaseGauges,
    private readonly connection: DatabaseConnection,
    private readonly draining: DrainingService,
  ) {
    this.server = createServer(
      { requestTimeout: 5 * SECOND, headersTimeout: 5 * SECOND },
      (request, reply) => {
        void this.answer(request, reply);
      },
    );
    this.server.maxConnections = 20;
  }

  /** Begins to serve. @returns where, or undefined while the port is taken */
  async listen(): Promise<string | undefined> {
    collectDefaultMetrics({ register: registry });
    return this.tryToListen();
  }

  async onApplicationShutdown(): Promise<void> {
    clearTimeout(this.retry);
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async tryToListen(): Promise<string | undefined> {
    const { host, metricsPort } = this.config;
    try {
      this.server.listen(metricsPort, host);
      await once(this.server, 'listening');
    } catch (error) {
      this.complain(error as NodeJS.ErrnoException);
      this.retry = setTimeout(() => void this.tryToListen(), RETRY).unref();
      return undefined;
    }
    const { port } = this.server.address() as AddressInfo;
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`;
    this.logger.log(`Metrics on ${url}`);
    return url;
  }

  private complain({ code, message }: NodeJS.ErrnoException): void {
    const { host, metricsPort } = this.config;
    const why = code === 'EADDRINUSE' ? 'another program has it' : message;
    this.logger.error(
      `There are no metrics: port ${metricsPort} on ${host} can't be used (${why}). ` +
        'Give a free one as METRICS_PORT; all else goes on, and the port is tried again.',
    );
  }

  private async answer({ url, method }: IncomingMessage, reply: ServerResponse): Promise<void> {
    const isThere = url?.split('?', 1)[0] === '/metrics';
    if (!isThere || method !== 'GET') {
      reply.writeHead(isThere ? 405 : 404, isThere ? { Allow: 'GET' } : {}).end();
      return;
    }
    try {
      await this.gauges.refresh();
      ready.set(Number(this.connection.status().up && !this.draining.draining));
      const text = await registry.metrics();
      reply.writeHead(200, { 'Content-Type': registry.contentType, 'Cache-Control': 'no-store' }).end(text);
    } catch (error) {
      this.logger.error(error);
      reply.writeHead(500).end();
    }
  }
}
