import { Global, Logger, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { DataSourceOptions } from 'typeorm';
import { AppConfig } from '../config/app-config.js';
import { DatabaseConnection } from './connection.js';
import { connectionFailures } from './metrics.js';
import { dataSourceFrom, dataSourceOptions } from './data-source.js';
import { Database } from './database.js';
import { ReplicaDatabase } from './replica.js';
import { UnitOfWork } from './unit-of-work.js';

const logger = new Logger('Database');

/** The connection, the unit of work and SQL, for every feature. `DatabaseConnection` connects it, in its own time. */
@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [AppConfig],
      useFactory: ({ database }: AppConfig) => ({
        ...dataSourceOptions(database, {
          role: 'app',
          // Each idle connection says so when the server goes; queries and readiness tell what matters.
          onPoolError: (error) => {
            connectionFailures.inc({ stage: 'idle' });
            logger.debug(`An idle connection failed: ${error.message}`);
          },
        }),
        manualInitialization: true,
      }),
      dataSourceFactory: async (options) => dataSourceFrom(options as DataSourceOptions),
    }),
  ],
  providers: [
    DatabaseConnection,
    ReplicaDatabase,
    UnitOfWork,
    { provide: Database, useExisting: UnitOfWork },
  ],
  exports: [DatabaseConnection, ReplicaDatabase, UnitOfWork, Database],
})
export class DatabaseModule {}
