import 'reflect-metadata';
import { ValidationPipe, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

async function serve(module: Type, config: Type<{ readonly port: number }>): Promise<void> {
  // DTM keeps connections to a service open. Node would wait for those that have not sent a request yet.
  const app = await NestFactory.create(module, { forceCloseConnections: true });
  app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true }));
  // On SIGTERM, running steps get time to finish.
  app.enableShutdownHooks();
  await app.listen(app.get(config).port, '127.0.0.1');
}

const [command, name] = process.argv.slice(2);
// A process loads only one service, because `autoLoadEntities` takes the entities of every loaded module.
switch (command) {
  case 'orders': {
    const { OrderServiceModule } = await import('./order-service.module.js');
    const { OrdersConfig } = await import('./config/orders.config.js');
    await serve(OrderServiceModule, OrdersConfig);
    break;
  }
  case 'stock': {
    const { StockServiceModule } = await import('./stock-service.module.js');
    const { StockConfig } = await import('./config/stock.config.js');
    await serve(StockServiceModule, StockConfig);
    break;
  }
  case 'demo': {
    const { runDemonstration } = await import('./demo/run-demonstration.js');
    process.exitCode = await runDemonstration(name);
    break;
  }
  default:
    console.error('Say which one to start: orders, stock or demo');
    process.exitCode = 2;
}
