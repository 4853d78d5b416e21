import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SteppingModule } from 'nestjs-stepping';
import { dtm } from 'nestjs-stepping/dtm';
import { dtmSettings } from './config/dtm-settings.js';
import { StockConfig, StockConfigModule } from './config/stock.config.js';
import { HealthModule } from './health/health.module.js';
import { StockModule } from './stock/stock.module.js';

/** The service that manages the stock. It does not know the prices, and uses MariaDB. */
@Module({
  imports: [
    StockConfigModule,
    TypeOrmModule.forRootAsync({
      inject: [StockConfig],
      useFactory: ({ databaseUrl }: StockConfig) => ({
        type: 'mysql',
        url: databaseUrl,
        autoLoadEntities: true,
        // Only for a sample. An application uses migrations.
        synchronize: true,
      }),
    }),
    SteppingModule.forRoot({
      transactionManager: dtm({ inject: [StockConfig], useFactory: dtmSettings }),
    }),
    StockModule,
    HealthModule,
  ],
})
export class StockServiceModule {}
