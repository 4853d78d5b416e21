/**
 * An application that bills the orders of another one. It gets them as events, with acknowledgements by hand, and receives each once through
 * the inbox.
 */
import 'reflect-metadata';
import { Controller, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Ctx,
  EventPattern,
  Payload,
  RmqContext,
  Transport,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { selfTm, SteppingModule } from 'nestjs-stepping';
import { Inbox, messageIdOf, settleRmq, SteppingEventsModule } from 'nestjs-stepping/events';
import { DataSource } from 'typeorm';
import { EXCHANGE, PLACED, QUEUE, SOCKET } from './event-names.js';
import { installFault, pass } from './faults.js';
import type { BillingSettings } from './settings.js';
import { tell } from './tell.js';

const { name, billing, broker, timing, fault } = JSON.parse(process.env.PROOF_WORKER!) as BillingSettings;
if (fault) installFault(fault);
const dataSource = await new DataSource(billing).initialize();
const values = billing.type === 'postgres' ? '$1, $2, $3' : '?, ?, ?';

@Controller()
class BillingController {
  constructor(private readonly inbox: Inbox) {}

  @EventPattern<string>(PLACED)
  bill(@Payload() { order }: { order: string }, @Ctx() context: RmqContext): Promise<void> {
    const id = messageIdOf(context);
    const work = async (): Promise<void> => {
      const { duplicate } = await this.inbox.receive({ consumer: 'billing', id }, async (manager) => {
        pass('inbox:marked', order);
        const sql = `INSERT INTO proof_bills (order_id, message_id, worker) VALUES (${values})`;
        await manager.query(sql, [order, id, name]);
        pass('inbox:before-commit', order);
      });
      pass('inbox:committed', order);
      tell({ type: duplicate ? 'duplicate' : 'billed' });
    };
    return settleRmq(context, work, { onError: 'requeue', delay: 100 });
  }
}

@Injectable()
class Closing implements OnApplicationShutdown {
  async onApplicationShutdown(): Promise<void> {
    await dataSource.destroy();
  }
}

@Module({
  imports: [
    SteppingModule.forRoot({
      transactionManager: selfTm({ recoveryInterval: timing.interval, gracePeriod: timing.grace }),
    }),
    SteppingEventsModule.forRoot({}),
  ],
  controllers: [BillingController],
  providers: [{ provide: DataSource, useValue: dataSource }, Closing],
})
class BillingModule {}

const app = await NestFactory.create(BillingModule, { logger: ['error', 'warn'] });
app.connectMicroservice<MicroserviceOptions>({
  transport: Transport.RMQ,
  options: {
    urls: [broker],
    queue: QUEUE,
    queueOptions: { durable: true },
    exchange: EXCHANGE,
    wildcards: true,
    noAck: false,
    prefetchCount: 10,
    socketOptions: SOCKET,
  },
});
app.enableShutdownHooks();
await app.startAllMicroservices();
// The parent process is gone.
process.stdin.on('close', () => process.exit(0)).resume();
tell({ type: 'ready' });
