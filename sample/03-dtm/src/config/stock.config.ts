import { Global, Injectable, Module } from '@nestjs/common';
import { DEFAULTS } from './defaults.js';

/** The settings of the stock service, from environment variables. */
@Injectable()
export class StockConfig {
  readonly port = Number(process.env.PORT ?? DEFAULTS.stockPort);
  readonly databaseUrl = process.env.MYSQL_URL ?? DEFAULTS.mysqlUrl;

  /** The order service. */
  readonly ordersUrl = process.env.ORDERS_URL ?? `http://127.0.0.1:${DEFAULTS.ordersPort}`;

  /** Delay of the answer to a reservation, in milliseconds. */
  readonly answerLatency = Number(process.env.ANSWER_LATENCY_MS ?? 0);
}

@Global()
@Module({ providers: [StockConfig], exports: [StockConfig] })
export class StockConfigModule {}
