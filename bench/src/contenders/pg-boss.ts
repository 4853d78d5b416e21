import { PgBoss, type ConstructorOptions, type Queue, type WorkOptions } from 'pg-boss';
import type { Order } from '../orders.ts';
import type { Contender, ContenderSettings } from './contender.ts';
import { PgOrders, TypeOrmOrders, type OrderTransactions } from './order-transactions.ts';

interface Tuning {
  readonly boss: Partial<ConstructorOptions>;
  readonly queue: Partial<Queue>;
  readonly work: WorkOptions;
}

/**
 * pg-boss settles a batch with one statement, and fetches again at once while batches come back full
 * (`burstWhenBatchFull`).
 */
export const PG_BOSS_TUNING = {
  /** Large batches by polling. 0.5 s is the shortest interval allowed. */
  throughput: {
    boss: {},
    queue: {},
    work: { batchSize: 1000, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5, localConcurrency: 2 },
  },
  /** `notify` sends a NOTIFY with each job, and `useListenNotify` listens for it. */
  prompt: {
    boss: { useListenNotify: true },
    queue: { notify: true },
    work: { batchSize: 100, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5, localConcurrency: 2 },
  },
} satisfies Record<string, Tuning>;

/** A second step is a separate job, sent by the handler of the first. */
export class PgBossContender implements Contender {
  private readonly orders: OrderTransactions;
  private readonly boss: PgBoss;

  private readonly settings: ContenderSettings;
  private readonly tuning: Tuning;

  constructor(settings: ContenderSettings, via: 'typeorm' | 'pg', tuning: Tuning) {
    this.settings = settings;
    this.tuning = tuning;
    const { url, kind } = settings;
    this.orders = via === 'pg' ? new PgOrders(url) : new TypeOrmOrders(url, kind);
    this.boss = new PgBoss({ connectionString: url, schedule: false, ...tuning.boss });
    this.boss.on('error', (error) => console.error(error));
  }

  async open(): Promise<void> {
    const { executions, role, steps } = this.settings;
    const { queue, work } = this.tuning;
    await this.orders.open();
    await this.boss.start();
    await this.boss.createQueue('first', queue);
    await this.boss.createQueue('second', queue);
    if (role === 'producer') return;
    await this.boss.work<Order>('first', work, async (jobs) => {
      for (const job of jobs) executions.ran(0, job.data.id);
      // One statement for the whole batch is the cheapest way it offers.
      if (steps === 2)
        await this.boss.insert(
          'second',
          jobs.map((job) => ({ data: job.data })),
        );
    });
    if (steps === 1) return;
    await this.boss.work<Order>('second', work, async (jobs) => {
      for (const job of jobs) executions.ran(1, job.data.id);
    });
  }

  place(order: Order): Promise<void> {
    return this.orders.place(order, (transaction) =>
      this.boss.send('first', order, {
        db: {
          executeSql: async (sql, params) => ({
            rows: (await transaction.query(sql, params ?? [])).rows as any[],
          }),
        },
      }),
    );
  }

  pending(): Promise<boolean> {
    return this.settings.watch.any('pgboss.job', `state < 'completed'`);
  }

  async close(): Promise<void> {
    await this.boss.stop({ graceful: true, timeout: 5000 });
    await this.orders.close();
  }
}
