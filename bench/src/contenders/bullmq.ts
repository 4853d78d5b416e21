import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { Order } from '../orders.ts';
import type { Contender, ContenderSettings } from './contender.ts';
import { TypeOrmOrders } from './order-transactions.ts';

const REDIS_URL = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
const CONCURRENCY = 50;

/**
 * The job is added after the order has been committed. This is not transactional: a crash in between loses the job.
 * Finished jobs are removed (`removeOnComplete`), which is the fastest setting.
 */
export class BullMqContender implements Contender {
  private readonly orders: TypeOrmOrders;
  private readonly connections: Redis[] = [];
  private readonly prefix: string;
  private readonly queues: Record<'first' | 'second', Queue>;
  private workers: Worker[] = [];

  private readonly settings: ContenderSettings;

  constructor(settings: ContenderSettings) {
    this.settings = settings;
    this.orders = new TypeOrmOrders(settings.url, settings.kind);
    // The name of the run's database, which no other run uses.
    this.prefix = new URL(settings.url).pathname.slice(1);
    this.queues = { first: this.queue('first'), second: this.queue('second') };
  }

  async open(): Promise<void> {
    const { executions, role, steps } = this.settings;
    await this.orders.open();
    if (role === 'producer') return;
    this.workers = [
      this.worker('first', async (order) => {
        executions.ran(0, order.id);
        if (steps === 2) await this.queues.second.add('job', order);
      }),
      this.worker('second', (order) => Promise.resolve(executions.ran(1, order.id))),
    ];
    await Promise.all(this.workers.map((worker) => worker.waitUntilReady()));
  }

  async place(order: Order): Promise<void> {
    await this.orders.place(order, () => Promise.resolve());
    await this.queues.first.add('job', order);
  }

  async pending(): Promise<boolean> {
    const counts = await Promise.all(
      Object.values(this.queues).map((queue) => queue.getJobCountByTypes('waiting', 'active', 'delayed')),
    );
    return counts.some((count) => count > 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()));
    if (this.settings.role !== 'producer') {
      for (const queue of Object.values(this.queues)) await queue.obliterate({ force: true });
    }
    for (const queue of Object.values(this.queues)) await queue.close();
    for (const connection of this.connections) connection.disconnect();
    await this.orders.close();
  }

  private queue(name: string): Queue {
    return new Queue(name, {
      connection: this.connection(),
      prefix: this.prefix,
      defaultJobOptions: { removeOnComplete: true },
    });
  }

  private worker(name: string, work: (order: Order) => Promise<void>): Worker {
    return new Worker<Order>(name, (job) => work(job.data), {
      connection: this.connection(),
      prefix: this.prefix,
      concurrency: CONCURRENCY,
    });
  }

  private connection(): Redis {
    const connection = new Redis(REDIS_URL, { maxRetriesPerRequest: null });
    this.connections.push(connection);
    return connection;
  }
}
