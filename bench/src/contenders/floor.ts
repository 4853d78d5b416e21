import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { placeholders, type Order } from '../orders.ts';
import { CompletionBatches } from './completion-batches.ts';
import type { Contender, ContenderSettings } from './contender.ts';
import { TypeOrmOrders } from './order-transactions.ts';

/** As wide as the rows of the library, with the one index that finding them again needs. */
const JOBS_TABLE = {
  postgres: [
    `CREATE TABLE IF NOT EXISTS floor_jobs (
      gid varchar(128) COLLATE "C" PRIMARY KEY, status varchar(12) COLLATE "C" NOT NULL, steps text NOT NULL,
      step_index integer NOT NULL, attempts integer NOT NULL, owner varchar(64) COLLATE "C", error text,
      created_at timestamptz NOT NULL, due_at timestamptz, ended_at timestamptz)`,
    'CREATE INDEX IF NOT EXISTS floor_jobs_due ON floor_jobs (due_at) WHERE due_at IS NOT NULL',
  ],
  mysql: [
    `CREATE TABLE IF NOT EXISTS floor_jobs (
      gid varchar(128) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, status varchar(12) NOT NULL,
      steps longtext NOT NULL, step_index integer NOT NULL, attempts integer NOT NULL, owner varchar(64), error text,
      created_at datetime(6) NOT NULL, due_at datetime(6), ended_at datetime(6), KEY floor_jobs_due (due_at))`,
  ],
  sqlite: [
    `CREATE TABLE IF NOT EXISTS floor_jobs (
      gid text PRIMARY KEY NOT NULL, status text NOT NULL, steps text NOT NULL, step_index integer NOT NULL,
      attempts integer NOT NULL, owner text, error text, created_at text NOT NULL, due_at text, ended_at text)`,
    'CREATE INDEX IF NOT EXISTS floor_jobs_due ON floor_jobs (due_at) WHERE due_at IS NOT NULL',
  ],
} as const;

const NOW = { postgres: 'clock_timestamp()', mysql: 'UTC_TIMESTAMP(6)', sqlite: `datetime('now')` } as const;
const IN_30_SECONDS = {
  postgres: `clock_timestamp() + interval '30 seconds'`,
  mysql: 'UTC_TIMESTAMP(6) + INTERVAL 30 SECOND',
  sqlite: `datetime('now', '+30 seconds')`,
} as const;

const CLAIM = 500;

interface ClaimedJob {
  readonly gid: string;
  readonly steps: string;
}

/**
 * The least that a durable job can cost. Written by hand for this one purpose, without leases, retries or error
 * handling. The job's row is inserted in the order's transaction and run from memory after the commit; completions
 * are written in batches. A worker process claims in batches.
 */
export class Floor implements Contender {
  private readonly orders: TypeOrmOrders;
  private readonly completions: readonly CompletionBatches[];
  private readonly insertJob: string;
  private readonly owner = randomUUID().slice(0, 14);
  private closing = false;
  private claiming: Promise<void> | undefined;

  private readonly settings: ContenderSettings;

  constructor(settings: ContenderSettings) {
    this.settings = settings;
    const { kind, url, steps } = settings;
    this.orders = new TypeOrmOrders(url, kind, kind === 'sqlite');
    this.insertJob = placeholders(
      kind,
      `INSERT INTO floor_jobs (gid, status, steps, step_index, attempts, owner, created_at, due_at)
       VALUES ($1, 'submitted', $2, 0, 0, $3, ${NOW[kind]}, ${settings.role === 'producer' ? NOW[kind] : IN_30_SECONDS[kind]})`,
    );
    const last = `status = 'succeeded', due_at = NULL, ended_at = ${NOW[kind]}`;
    this.completions = (steps === 1 ? [last] : ['step_index = 1', last]).map(
      (change) => new CompletionBatches((gids) => this.complete(change, gids)),
    );
  }

  async open(): Promise<void> {
    await this.orders.open();
    for (const sql of JOBS_TABLE[this.settings.kind]) await this.database.query(sql);
    if (this.settings.role === 'worker') this.claiming = this.claimAll();
  }

  async place(order: Order): Promise<void> {
    const gid = randomUUID();
    const steps = JSON.stringify([{ step: 'first', args: order }]);
    await this.orders.place(order, (transaction) =>
      transaction.query(this.insertJob, [gid, steps, this.settings.role === 'producer' ? null : this.owner]),
    );
    if (this.settings.role === 'all') void this.run(gid, order.id);
  }

  async pending(): Promise<boolean> {
    const { kind, watch } = this.settings;
    if (kind === 'postgres') return watch.any('floor_jobs', 'due_at IS NOT NULL');
    const look = () =>
      this.database.query<unknown[]>('SELECT 1 FROM floor_jobs WHERE due_at IS NOT NULL LIMIT 1');
    return (await (kind === 'sqlite' ? this.orders.inLine(look) : look())).length > 0;
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.claiming;
    await this.orders.close();
  }

  private get database(): DataSource {
    return this.orders.dataSource;
  }

  private async run(gid: string, order: number): Promise<void> {
    for (const [step, completions] of this.completions.entries()) {
      this.settings.executions.ran(step as 0 | 1, order);
      await completions.add(gid);
    }
  }

  private complete(change: string, gids: string[]): Promise<unknown> {
    const update = `UPDATE floor_jobs SET ${change} WHERE gid`;
    switch (this.settings.kind) {
      case 'postgres':
        return this.database.query(`${update} = ANY ($1)`, [gids]);
      case 'mysql':
        return this.database.query(`${update} IN (${gids.map(() => '?').join()})`, gids);
      case 'sqlite':
        return this.orders.inLine(() =>
          this.database.query(`${update} IN (${gids.map(() => '?').join()})`, gids),
        );
    }
  }

  /** Claims the next batch while the previous one runs. */
  private async claimAll(): Promise<void> {
    let running: Promise<unknown> = Promise.resolve();
    while (!this.closing) {
      const [jobs] = await this.database.query<[ClaimedJob[], number]>(
        `UPDATE floor_jobs SET owner = $1, due_at = ${IN_30_SECONDS.postgres} WHERE gid IN (
           SELECT gid FROM floor_jobs WHERE due_at <= (SELECT clock_timestamp())
           ORDER BY due_at LIMIT ${CLAIM} FOR UPDATE SKIP LOCKED)
         RETURNING gid, steps`,
        [this.owner],
      );
      await running;
      running = Promise.all(
        jobs.map(({ gid, steps }) => this.run(gid, (JSON.parse(steps) as { args: Order }[])[0]!.args.id)),
      );
      if (jobs.length < CLAIM) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await running;
  }
}
