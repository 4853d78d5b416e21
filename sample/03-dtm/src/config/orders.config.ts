import { Global, Injectable, Module } from '@nestjs/common';
import { DEFAULTS } from './defaults.js';

/** The settings of the order service, from environment variables. */
@Injectable()
export class OrdersConfig {
  readonly port = Number(process.env.PORT ?? DEFAULTS.ordersPort);
  readonly databaseUrl = process.env.DATABASE_URL ?? DEFAULTS.databaseUrl;

  /** The stock service. */
  readonly stockUrl = process.env.STOCK_URL ?? `http://127.0.0.1:${DEFAULTS.stockPort}`;
}

@Global()
@Module({ providers: [OrdersConfig], exports: [OrdersConfig] })
export class OrdersConfigModule {}
