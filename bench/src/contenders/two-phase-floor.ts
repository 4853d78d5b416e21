import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import type { Order } from '../orders.ts';
import { CompletionBatches } from './completion-batches.ts';
import type { Contender, ContenderSettings } from './contender.ts';
import { dataSourceOptions, TypeOrmOrders } from './order-transactions.ts';

/**
 * The two-phase message by hand: prepare in the jobs' database, a barrier row in the order's transaction, submit after
 * the commit, and a batched completion.
 */
export class TwoPhaseFloor implements Contender {
  private readonly orders: TypeOrmOrders;
  private readonly jobs: DataSource;
  private readonly completions: CompletionBatches;
  private readonly owner = randomUUID().slice(0, 14);

  private readonly settings: ContenderSettings;

  constructor(settings: ContenderSettings) {
    this.settings = settings;
    this.orders = new TypeOrmOrders(settings.url, 'postgres');
    this.jobs = new DataSource(dataSourceOptions(settings.jobsUrl!, 'postgres'));
    this.completions = new CompletionBatches((gids) =>
      this.jobs.query(
        `UPDATE floor_jobs SET status = 'succeeded', due_at = NULL, ended_at = clock_timestamp() WHERE gid = ANY ($1)`,
        [gids],
      ),
    );
  }

  async open(): Promise<void> {
    await this.orders.open();
    await this.jobs.initialize();
    await this.jobs.query(
      `CREATE TABLE IF NOT EXISTS floor_jobs (
        gid varchar(128) COLLATE "C" PRIMARY KEY, status varchar(12) COLLATE "C" NOT NULL, steps text NOT NULL,
        step_index integer NOT NULL, attempts integer NOT NULL, owner varchar(64) COLLATE "C", error text,
        created_at timestamptz NOT NULL, due_at timestamptz, ended_at timestamptz)`,
    );
    await this.jobs.query(
      'CREATE INDEX IF NOT EXISTS floor_jobs_due ON floor_jobs (due_at) WHERE due_at IS NOT NULL',
    );
    await this.orders.dataSource.query(
      `CREATE TABLE IF NOT EXISTS floor_barrier (
        gid varchar(128) COLLATE "C" PRIMARY KEY, reason varchar(45) NOT NULL, created_at timestamptz NOT NULL)`,
    );
  }

  async place(order: Order): Promise<void> {
    const gid = randomUUID();
    await this.jobs.query(
      `INSERT INTO floor_jobs (gid, status, steps, step_index, attempts, owner, created_at, due_at)
       VALUES ($1, 'prepared', $2, 0, 0, $3, clock_timestamp(), clock_timestamp() + interval '10 seconds')`,
      [gid, JSON.stringify([{ step: 'first', args: order }]), this.owner],
    );
    await this.orders.place(order, (transaction) =>
      transaction.query(`INSERT INTO floor_barrier (gid, reason, created_at) VALUES ($1, 'msg', now())`, [
        gid,
      ]),
    );
    await this.jobs.query(
      `UPDATE floor_jobs SET status = 'submitted', due_at = clock_timestamp() + interval '30 seconds'
        WHERE gid = $1 AND status = 'prepared'`,
      [gid],
    );
    this.settings.executions.ran(0, order.id);
    void this.completions.add(gid);
  }

  pending(): Promise<boolean> {
    return this.settings.watch.any('floor_jobs', 'due_at IS NOT NULL');
  }

  async close(): Promise<void> {
    await this.jobs.destroy();
    await this.orders.close();
  }
}
