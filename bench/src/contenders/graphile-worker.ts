import { Logger, makeWorkerUtils, run, type Runner, type WorkerUtils } from 'graphile-worker';
import type { Order } from '../orders.ts';
import type { Contender, ContenderSettings } from './contender.ts';
import { PgOrders, TypeOrmOrders, type OrderTransactions } from './order-transactions.ts';

type WorkerSettings = GraphileConfig.WorkerOptions;

/** The settings of its performance page. `add_job` sends a NOTIFY in either case. */
export const GRAPHILE_TUNING = {
  /**
   * Hundreds of jobs are fetched at once (`localQueue.size`), and after a short answer it waits for more instead of
   * following each notification (`refetchDelay`). Completions share statements (`completeJobBatchDelay`).
   */
  throughput: {
    concurrentJobs: 24,
    maxPoolSize: 25,
    localQueue: { size: 500, refetchDelay: { durationMs: 100, threshold: 250, maxAbortThreshold: 1000 } },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
  /** Reacts to every notification. */
  prompt: {
    concurrentJobs: 24,
    maxPoolSize: 25,
    localQueue: { size: 25 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
} satisfies Record<string, WorkerSettings>;

/** A second step is a separate job, added by the task of the first. */
export class GraphileWorkerContender implements Contender {
  private readonly orders: OrderTransactions;
  private runner: Runner | undefined;
  private utils: WorkerUtils | undefined;

  private readonly settings: ContenderSettings;
  private readonly tuning: WorkerSettings;

  constructor(settings: ContenderSettings, via: 'typeorm' | 'pg', tuning: WorkerSettings) {
    this.settings = settings;
    this.tuning = tuning;
    const { url, kind } = settings;
    this.orders = via === 'pg' ? new PgOrders(url) : new TypeOrmOrders(url, kind);
  }

  async open(): Promise<void> {
    const { executions, role, steps, url } = this.settings;
    await this.orders.open();
    const logger = new Logger(() => () => undefined);
    this.utils = await makeWorkerUtils({ connectionString: url, logger });
    await this.utils.migrate();
    if (role === 'producer') return;
    this.runner = await run({
      preset: { worker: { connectionString: url, logger, ...this.tuning } },
      taskList: {
        first: async (payload, helpers) => {
          const order = payload as Order;
          executions.ran(0, order.id);
          if (steps === 2) await helpers.addJob('second', order);
        },
        second: (payload) => {
          executions.ran(1, (payload as Order).id);
        },
      },
    });
  }

  place(order: Order): Promise<void> {
    return this.orders.place(order, (transaction) =>
      transaction.query(`SELECT graphile_worker.add_job('first', $1::json)`, [JSON.stringify(order)]),
    );
  }

  /** Finished jobs are deleted. */
  pending(): Promise<boolean> {
    return this.settings.watch.any('graphile_worker.jobs', 'true');
  }

  async close(): Promise<void> {
    await this.runner?.stop();
    await this.utils?.release();
    await this.orders.close();
  }
}
