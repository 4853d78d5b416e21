import { Global, Injectable, Module } from '@nestjs/common';
import { dataFolder } from './data-files.js';
import { DEFAULTS } from './defaults.js';

/** The settings of the billing service, from environment variables. */
@Injectable()
export class BillingConfig {
  readonly port = Number(process.env.PORT ?? DEFAULTS.billingPort);
  readonly dataFolder = dataFolder();
  readonly brokerUrl = process.env.RABBITMQ_URL ?? DEFAULTS.brokerUrl;
  readonly exchange = process.env.EXCHANGE ?? DEFAULTS.exchange;
  readonly queue = process.env.QUEUE ?? DEFAULTS.queue;

  /** How long a billed event waits for its acknowledgement, in milliseconds: time to kill the process in. */
  readonly ackLatency = Number(process.env.ACK_LATENCY_MS ?? 0);
}

@Global()
@Module({ providers: [BillingConfig], exports: [BillingConfig] })
export class BillingConfigModule {}
