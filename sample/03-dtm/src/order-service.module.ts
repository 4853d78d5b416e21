import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SteppingModule } from 'nestjs-stepping';
import { dtm } from 'nestjs-stepping/dtm';
import { dtmSettings } from './config/dtm-settings.js';
import { OrdersConfig, OrdersConfigModule } from './config/orders.config.js';
import { HealthModule } from './health/health.module.js';
import { OrdersModule } from './orders/orders.module.js';

/** The service that accepts orders. It knows the prices, and uses PostgreSQL. */
@Module({
  imports: [
    OrdersConfigModule,
    TypeOrmModule.forRootAsync({
      inject: [OrdersConfig],
      useFactory: ({ databaseUrl }: OrdersConfig) => ({
        type: 'postgres',
        url: databaseUrl,
        autoLoadEntities: true,
        // Only for a sample. An application uses migrations.
        synchronize: true,
      }),
    }),
    SteppingModule.forRoot({
      transactionManager: dtm({ inject: [OrdersConfig], useFactory: dtmSettings }),
    }),
    OrdersModule,
    HealthModule,
  ],
})
export class OrderServiceModule {}
