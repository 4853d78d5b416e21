import { DBOS, DBOSClient } from '@dbos-inc/dbos-sdk';
import type { Order } from '../orders.ts';
import type { Contender, ContenderSettings } from './contender.ts';
import { PgOrders, POOL_SIZE, TypeOrmOrders, type OrderTransactions } from './order-transactions.ts';

interface Tuning {
  /** Polling interval of the queue. There is no other way to notice a job enqueued in a transaction. */
  readonly minPollingIntervalMs: number;
}

export const DBOS_TUNING = {
  throughput: { minPollingIntervalMs: 100 },
  prompt: { minPollingIntervalMs: 5 },
} satisfies Record<string, Tuning>;

const QUIET = { info: () => undefined, debug: () => undefined, warn: () => undefined, error: console.error };
const VERSION = 'bench';

/**
 * The job is a workflow. A job of one step is its body alone; of two, the first is a `runStep()`, whose
 * result is stored before the rest of the body runs. This is the smallest number of writes.
 */
export class DbosContender implements Contender {
  private readonly orders: OrderTransactions;
  private client: DBOSClient | undefined;

  private readonly settings: ContenderSettings;
  private readonly tuning: Tuning;

  constructor(settings: ContenderSettings, via: 'typeorm' | 'pg', tuning: Tuning) {
    this.settings = settings;
    this.tuning = tuning;
    const { url, kind } = settings;
    this.orders = via === 'pg' ? new PgOrders(url) : new TypeOrmOrders(url, kind);
  }

  async open(): Promise<void> {
    const { executions, steps, url, role } = this.settings;
    await this.orders.open();
    DBOS.setConfig({
      name: 'bench',
      systemDatabaseUrl: url,
      systemDatabasePoolSize: POOL_SIZE,
      applicationVersion: VERSION,
      executorID: `executor-${process.pid}`,
      logger: QUIET as never,
      ...(role === 'producer' && { listenQueues: ['none'] }),
    });
    DBOS.registerWorkflow(
      async (order: Order): Promise<void> => {
        if (steps === 1) {
          executions.ran(0, order.id);
          return;
        }
        await DBOS.runStep(() => Promise.resolve(executions.ran(0, order.id)), { name: 'first' });
        executions.ran(1, order.id);
      },
      { name: 'job' },
    );
    await DBOS.launch();
    await DBOS.registerQueue('jobs', this.tuning);
    this.client = await DBOSClient.create({
      systemDatabaseUrl: url,
      applicationName: 'bench',
      logger: QUIET as never,
    });
  }

  place(order: Order): Promise<void> {
    return this.orders.place(order, async (transaction) =>
      this.client!.enqueueInTransaction(
        await transaction.client(),
        { queueName: 'jobs', workflowName: 'job', appVersion: VERSION },
        order,
      ),
    );
  }

  pending(): Promise<boolean> {
    return this.settings.watch.any('dbos.workflow_status', `status IN ('ENQUEUED', 'PENDING', 'DELAYED')`);
  }

  async close(): Promise<void> {
    await this.client?.destroy();
    await DBOS.shutdown();
    await this.orders.close();
  }
}
