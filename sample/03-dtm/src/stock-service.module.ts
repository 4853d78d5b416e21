import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SteppingModule } from 'nestjs-stepping';
import { dtm } from 'nestjs-stepping/dtm';
import { dtmSettings } from './config/dtm-settings.js';
import { StockConfig, StockConfigModule } from './config/stock.config.js';
import { HealthModule } from './health/health.module.js';
import { StockModule } from './stock/stock.module.js';

/** The service that keeps the stock. It knows nothing of prices, and has MariaDB. */
@Module({
  imports: [
    StockConfigModule,
    TypeOrmModule.forRootAsync({
      inject: [StockConfig],
      useFactory: ({ databaseUrl }: StockConfig) => ({
        type: 'mysql',
        url: databaseUrl,
        autoLoadEntities: true,
        // For a sample; an application has migrations.
        synchronize: true,
      }),
    }),
    SteppingModule.forRootAsync({
      // Every job of this service belongs to a reservation.
      useFactory: () => ({ requireTransaction: true }),
      transactionManager: dtm({ inject: [StockConfig], useFactory: dtmSettings }),
    }),
    StockModule,
    HealthModule,
  ],
})
export class StockServiceModule {}
