import type { DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DepotConfig } from './config/depot.config.js';
import { Parcel } from './parcels/parcel.entity.js';
import { Booking } from './shipping/booking.entity.js';
import { LabelRun } from './shipping/label-run.entity.js';
import { PrinterOutage } from './shipping/printer-outage.entity.js';

/**
 * The one database of all processes.
 *
 * `createTables` is for a sample, and for one process of it; an application has migrations.
 */
export function database({ createTables }: { readonly createTables: boolean }): DynamicModule {
  return TypeOrmModule.forRootAsync({
    inject: [DepotConfig],
    useFactory: ({ databaseUrl, schema }: DepotConfig) => ({
      type: 'postgres',
      url: databaseUrl,
      schema,
      entities: [Parcel, Booking, LabelRun, PrinterOutage],
      synchronize: createTables,
    }),
  });
}
