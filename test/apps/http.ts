/**
 * An HTTP application that is shut down by SIGTERM while it answers a request, which starts a job only then.
 */
import 'reflect-metadata';
import {
  Controller,
  Inject,
  Module,
  Post,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DistributedJobFactory, selfTm, SteppingModule } from 'nestjs-stepping';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { Effect, Order } from '../support/order.entity.js';
import { ReserveStock, SendEmail } from './support/steps.js';
import { tell } from './support/tell.js';

const { business } = JSON.parse(process.env.WORKER!) as { business: DataSourceOptions };
const options = { ...business, entities: [Order, Effect] } as DataSourceOptions;
const dataSource = await new DataSource(options).initialize();
let shutDown!: () => void;
/** Stepping has stopped by then; the server still serves what it has taken. */
const shuttingDown = new Promise<void>((resolve) => (shutDown = resolve));

@Controller('orders')
class OrdersController {
  constructor(@Inject(DistributedJobFactory) private readonly jobs: DistributedJobFactory) {}

  @Post()
  async place(): Promise<{ gid: string }> {
    tell({ type: 'request' });
    await shuttingDown;
    return dataSource.transaction(async (manager) => {
      await manager.insert(Order, { id: 'late' });
      return this.jobs.createJob().addStep(ReserveStock, {}).addStep(SendEmail, {}).start();
    });
  }
}

class Closing implements BeforeApplicationShutdown, OnApplicationShutdown {
  beforeApplicationShutdown(): void {
    shutDown();
  }

  async onApplicationShutdown(): Promise<void> {
    await dataSource.destroy();
    tell({ type: 'pool-closed' });
  }
}

@Module({
  imports: [
    SteppingModule.forRoot({
      // As many steps as the pool has connections: there is nothing to warn of.
      transactionManager: selfTm({ leaseDuration: '1h', recoveryInterval: 50, concurrency: 10 }),
    }),
  ],
  controllers: [OrdersController],
  providers: [{ provide: DataSource, useValue: dataSource }, ReserveStock, SendEmail, Closing],
})
class HttpModule {}

const app = await NestFactory.create(HttpModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
tell({ type: 'ready', url: await app.getUrl() });
