import { Module } from '@nestjs/common';
import { ClientsModule, Transport } from '@nestjs/microservices';
import { SteppingModule } from 'nestjs-stepping';
import { rmqTransport, SteppingEventsModule } from 'nestjs-stepping/events';
import { BROKER, RECONNECT } from './config/broker.js';
import { ordersDatabaseIn } from './config/data-files.js';
import { OrdersConfig, OrdersConfigModule } from './config/orders.config.js';
import { database } from './database.js';
import { HealthModule } from './health/health.module.js';
import { OrdersModule } from './orders/orders.module.js';

/** The service that accepts orders, and publishes them. */
@Module({
  imports: [
    OrdersConfigModule,
    database(OrdersConfig, ({ dataFolder }: OrdersConfig) => ordersDatabaseIn(dataFolder)),
    SteppingModule.forRoot({
      // Short waits make the demonstration quick. The default, up to 10 minutes, spares a broker that is away for longer.
      retry: { delay: '250ms', maxDelay: '1s' },
    }),
    SteppingEventsModule.forRoot({
      imports: [
        ClientsModule.registerAsync([
          {
            name: BROKER,
            inject: [OrdersConfig],
            useFactory: ({ brokerUrl, exchange }: OrdersConfig) => ({
              transport: Transport.RMQ,
              // A topic exchange: who subscribes to what is up to the receivers.
              options: { urls: [brokerUrl], exchange, wildcards: true, socketOptions: RECONNECT },
            }),
          },
        ]),
      ],
      transports: { orders: rmqTransport({ client: BROKER }) },
    }),
    OrdersModule,
    HealthModule,
  ],
})
export class OrderServiceModule {}
