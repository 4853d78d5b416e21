import { Module } from '@nestjs/common';
import { selfTm, SteppingModule } from 'nestjs-stepping';
import { SteppingTelemetryModule } from 'nestjs-stepping/opentelemetry';
import { ConfigModule } from './config/config.module.js';
import { MONITORING } from './config/monitoring.js';
import { database } from './database.js';
import { ShippingModule } from './shipping/shipping.module.js';

/** A process that runs steps. Any number of them share the jobs of one database. */
@Module({
  imports: [
    ConfigModule,
    database({ createTables: false }),
    SteppingModule.forRoot({
      transactionManager: selfTm({
        // Few enough that two workers share even a small number of parcels.
        concurrency: 4,
        // A worker that dies keeps its jobs until their leases end. The default of 30 s is the better choice
        // for a service; 5 s makes the demonstration quick.
        leaseDuration: '5s',
        monitoring: MONITORING,
      }),
    }),
    SteppingTelemetryModule.forRoot({ consumerSpan: 'parent' }),
    ShippingModule,
  ],
})
export class WorkerModule {}
