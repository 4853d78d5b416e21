import { Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { selfTm, SteppingModule } from 'nestjs-stepping';
import { SteppingDashboardModule } from 'nestjs-stepping/dashboard';
import { SteppingTelemetryModule } from 'nestjs-stepping/opentelemetry';
import { ConfigModule } from './config/config.module.js';
import { MONITORING } from './config/monitoring.js';
import { database } from './database.js';
import { OperationsModule } from './operations/operations.module.js';
import { ParcelsController } from './parcels/parcels.controller.js';
import { ParcelsModule } from './parcels/parcels.module.js';
import { RequestSpan } from './telemetry/request-span.middleware.js';

/** The process that answers requests. It starts jobs and runs none of their steps. */
@Module({
  imports: [
    ConfigModule,
    database({ createTables: true }),
    SteppingModule.forRoot({
      transactionManager: selfTm({ runSteps: false, monitoring: MONITORING }),
    }),
    // In one trace with the steps, because the jobs are short.
    SteppingTelemetryModule.forRoot({ consumerSpan: 'parent' }),
    // At /stepping, for browsers on this machine. A service says who else may come, with guards, basicAuth or access.
    SteppingDashboardModule.forRoot({ title: 'Parcel depot', environment: { label: 'sample' } }),
    ParcelsModule,
    OperationsModule,
  ],
})
export class ApiModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(RequestSpan).forRoutes(ParcelsController);
  }
}
