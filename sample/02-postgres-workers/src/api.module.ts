import { Module } from '@nestjs/common';
import { selfTm, SteppingModule } from 'nestjs-stepping';
import { ConfigModule } from './config/config.module.js';
import { database } from './database.js';
import { ParcelsModule } from './parcels/parcels.module.js';

/** The process that answers requests. It starts jobs and runs none of their steps. */
@Module({
  imports: [
    ConfigModule,
    database({ createTables: true }),
    SteppingModule.forRoot({
      transactionManager: selfTm({ runSteps: false }),
    }),
    ParcelsModule,
  ],
})
export class ApiModule {}
