import 'reflect-metadata';
import { ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';

async function serveOrders(): Promise<void> {
  const { OrderServiceModule } = await import('./order-service.module.js');
  const { OrdersConfig } = await import('./config/orders.config.js');
  const app = await NestFactory.create(OrderServiceModule);
  app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true }));
  // On SIGTERM, running steps get time to finish, and the other jobs are handed back.
  app.enableShutdownHooks();
  await app.listen(app.get(OrdersConfig).port, '127.0.0.1');
}

async function serveBilling(): Promise<void> {
  const { BillingServiceModule } = await import('./billing-service.module.js');
  const { BillingConfig } = await import('./config/billing.config.js');
  const { RECONNECT } = await import('./config/broker.js');
  const app = await NestFactory.create(BillingServiceModule);
  const config = app.get(BillingConfig);
  app.connectMicroservice<MicroserviceOptions>({
    transport: Transport.RMQ,
    options: {
      urls: [config.brokerUrl],
      queue: config.queue,
      queueOptions: { durable: true },
      exchange: config.exchange,
      // Binds the queue to the exchange with the patterns of all handlers.
      wildcards: true,
      // With the default, true, the broker forgets an event before anybody has worked on it.
      noAck: false,
      prefetchCount: 10,
      socketOptions: RECONNECT,
    },
  });
  app.enableShutdownHooks();
  await app.startAllMicroservices();
  await app.listen(config.port, '127.0.0.1');
}

const [command, folder] = process.argv.slice(2);
// A process loads only one service, because `autoLoadEntities` takes the entities of every loaded module.
switch (command) {
  case 'orders':
    await serveOrders();
    break;
  case 'billing':
    await serveBilling();
    break;
  case 'demo': {
    const { runDemonstration } = await import('./demo/run-demonstration.js');
    process.exitCode = await runDemonstration(folder);
    break;
  }
  default:
    console.error('Say which one to start: orders, billing or demo');
    process.exitCode = 1;
}
