import type { IncomingMessage } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { AppModule } from './app.module.js';
import { Clock } from './common/clock.js';
import { addETags } from './common/etag.js';
import { addHttpHooks, answerClientError, requestIdOf } from './common/http-hooks.js';
import { serverLog } from './common/log.js';
import { NestLogger } from './common/nest-logger.js';
import { sendProblem } from './common/problem.filter.js';
import { DOCS_PATH } from './common/security-headers.js';
import type { AppConfig } from './config/app-config.js';
import { DrainingService } from './health/draining.service.js';
import { makeOpenApiDocument } from './openapi.js';

/** Largest body; imports have a limit of their own (api.md). */
const BODY_LIMIT = 128 * 1024;

/** How long a request may take to come in whole. */
const REQUEST_TIMEOUT_MS = 15_000;

export const HEALTH_PATHS = ['health/live', 'health/ready', 'health/database'];

function noSchemas(): never {
  throw new Error('No route has a schema of Fastify');
}

/**
 * Makes the app, ready to listen: the very same for production and for the tests.
 * @param options.clock in place of the real one, for tests
 */
export async function createApp(
  config: AppConfig,
  options: { clock?: Clock } = {},
): Promise<NestFastifyApplication> {
  const logger = serverLog(config.logLevel);
  const adapter = new FastifyAdapter({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    // One for all requests: a child of its own costs each of them more than its line.
    childLoggerFactory: (parent: FastifyBaseLogger) => parent,
    genReqId: (request: IncomingMessage) => requestIdOf(request.headers['x-request-id']),
    trustProxy: config.trustedProxies.length > 0 ? config.trustedProxies : false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Node looks for late requests so often, and for none at all where the time for headers is the longer one.
    http: { connectionsCheckingInterval: 2_000, headersTimeout: REQUEST_TIMEOUT_MS },
    clientErrorHandler: answerClientError,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 300 },
    // Input is judged by RequestPipe, no route has a schema of Fastify's: its compilers' 100 modules are not loaded.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(request, reply, error, (unforeseen) => logger.error({ err: unforeseen })),
  });
  addHttpHooks(adapter.getInstance());
  addETags(adapter.getInstance());
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.of(config, options.clock ?? new Clock()),
    adapter,
    {
      bodyParser: false,
      logger: new NestLogger(logger),
      abortOnError: false,
    },
  );
  if (config.corsOrigins.length > 0) {
    app.enableCors({
      origin: config.corsOrigins,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      exposedHeaders: ['ETag', 'Location', 'X-Request-Id', 'Retry-After'],
    });
  }
  // A drain is over when the last connection is: whoever is answered meanwhile shall not keep its own.
  const draining = app.get(DrainingService);
  adapter.getInstance().addHook('onSend', (_request, reply, _payload, done) => {
    if (draining.draining) reply.header('Connection', 'close');
    done();
  });
  app.setGlobalPrefix('api/v1', { exclude: HEALTH_PATHS });
  SwaggerModule.setup(DOCS_PATH, app, () => makeOpenApiDocument(app), {
    jsonDocumentUrl: `${DOCS_PATH}/openapi.json`,
    yamlDocumentUrl: `${DOCS_PATH}/openapi.yaml`,
    customSiteTitle: 'LTP Labs E-Catalog',
    swaggerOptions: { persistAuthorization: true, tryItOutEnabled: true },
  });
  return app;
}
