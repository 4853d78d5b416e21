import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { selfTm, SteppingModule } from 'nestjs-stepping';
import { SteppingDashboardModule } from 'nestjs-stepping/dashboard';
import { ConfigModule } from './config/config.module.js';
import { databaseIn, ShopConfig } from './config/shop.config.js';
import { HealthModule } from './health/health.module.js';
import { OrdersModule } from './orders/orders.module.js';
import { StockModule } from './stock/stock.module.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';

@Module({
  imports: [
    ConfigModule,
    TypeOrmModule.forRootAsync({
      inject: [ShopConfig],
      useFactory: (config: ShopConfig) => ({
        type: 'better-sqlite3',
        database: databaseIn(config.dataFolder),
        enableWAL: true,
        // The driver is synchronous: while the process waits for a lock, it can do nothing else.
        timeout: 100,
        autoLoadEntities: true,
        // Only for a sample. An application uses migrations.
        synchronize: true,
      }),
    }),
    SteppingModule.forRoot({
      // A process that dies keeps its jobs until their leases end. The default of 30 s is the better choice
      // for a service; 5 s makes the demonstration quick.
      transactionManager: selfTm({ leaseDuration: '5s' }),
    }),
    // At /stepping, for browsers on this machine. A service says who else may come, with guards, basicAuth or access.
    SteppingDashboardModule.forRoot({ title: 'Orders', environment: { label: 'sample' } }),
    OrdersModule,
    StockModule,
    WebhooksModule,
    HealthModule,
  ],
})
export class AppModule {}
