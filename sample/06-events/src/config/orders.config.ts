import { Global, Injectable, Module } from '@nestjs/common';
import { dataFolder } from './data-files.js';
import { DEFAULTS } from './defaults.js';

/** The settings of the order service, from environment variables. */
@Injectable()
export class OrdersConfig {
  readonly port = Number(process.env.PORT ?? DEFAULTS.ordersPort);
  readonly dataFolder = dataFolder();
  readonly brokerUrl = process.env.RABBITMQ_URL ?? DEFAULTS.brokerUrl;
  readonly exchange = process.env.EXCHANGE ?? DEFAULTS.exchange;
}

@Global()
@Module({ providers: [OrdersConfig], exports: [OrdersConfig] })
export class OrdersConfigModule {}
