import { createDatabase, type ProofDatabase, type Servers } from './database.js';
import { Fleet } from './fleet.js';
import type { OwnBroker } from './own-broker.js';
import type { WorkerLife, WorkerProcess } from './process.js';
import type { Random } from './random.js';
import { billsTable } from './schema.js';
import type { Backend } from './target.js';
import { until } from './wait.js';
import { QUEUE } from './worker/event-names.js';
import type { BillingSettings, FaultSettings, WorkerTiming } from './worker/settings.js';

/** How its processes are started. */
export interface BillingEnvironment {
  /** Folder of the copy of the build. */
  readonly root: string;
  /** URL of the broker, or of a proxy in front of it. */
  readonly broker: string;
  readonly timing: WorkerTiming;
  readonly processes: number;
}

/** The receiving side: an application of its own, with a database of its own. */
export class Billing {
  vary: () => FaultSettings | undefined = () => undefined;
  private readonly fleets: Fleet[] = [];
  private readonly seen = { billed: 0, duplicate: 0 };

  private constructor(
    private readonly database: ProofDatabase,
    private readonly random: Random,
    private readonly environment: BillingEnvironment,
  ) {}

  static async open(
    backend: Backend,
    servers: Servers,
    random: Random,
    environment: BillingEnvironment,
  ): Promise<Billing> {
    const database = await createDatabase(backend, servers);
    await database.query(billsTable(backend));
    return new Billing(database, random, environment);
  }

  async start(): Promise<void> {
    const { root, broker, timing, processes } = this.environment;
    const incarnate = () => {
      const fault = this.vary();
      const settings: Omit<BillingSettings, 'name'> = {
        billing: this.database.options(),
        broker,
        timing,
        ...(fault && { fault }),
      };
      return { settings, environment: { root, program: 'billing' as const } };
    };
    const fleet = new Fleet(processes, this.random.fork(), incarnate, `b${this.fleets.length}-`);
    fleet.onMessage((_, { type }) => {
      if (type === 'billed' || type === 'duplicate') this.seen[type] += 1;
    });
    this.fleets.push(fleet);
    await fleet.start();
  }

  /** A random process that serves. */
  any(): WorkerProcess | undefined {
    return this.fleets.at(-1)!.any();
  }

  get lives(): readonly WorkerProcess[] {
    return this.fleets.flatMap(({ lives }) => lives);
  }

  /** Deliveries that the inbox has recognized. */
  get duplicates(): number {
    return this.seen.duplicate;
  }

  /** Waits until every message is acknowledged, and shuts the processes down. False if some are left after `timeout` milliseconds. */
  async settle(broker: OwnBroker, timeout: number): Promise<boolean> {
    this.vary = () => undefined;
    const end = performance.now() + timeout;
    for (;;) {
      const left = async (): Promise<number> => (await broker.look(QUEUE)).waiting;
      await until(async () => (await left()) === 0, end - performance.now(), 100);
      await this.fleets.at(-1)!.shutDown();
      // What had been delivered and not been acknowledged is in the queue again.
      if ((await left()) === 0) return true;
      if (performance.now() > end) return false;
      await this.start();
    }
  }

  /** How often each order was billed. */
  async bills(): Promise<Map<string, number>> {
    const rows = await this.database.query<{ order_id: string; times: number | string }>(
      'SELECT order_id, count(*) AS times FROM proof_bills GROUP BY order_id',
    );
    return new Map(rows.map(({ order_id: order, times }) => [order, Number(times)]));
  }

  async close(): Promise<void> {
    for (const fleet of this.fleets) await fleet.abandon();
    await this.database.drop();
  }
}

/** Processes that ended by themselves. */
export function crashesOf(
  lives: readonly (WorkerLife & Pick<WorkerProcess, 'stopping' | 'ended'>)[],
): number {
  return lives.filter(({ ended, killed, stopping }) => ended && !killed && !stopping).length;
}
