import type { Executions } from '../executions.ts';
import type { DatabaseKind, Order } from '../orders.ts';
import type { Watch } from '../server/watch.ts';

/** `producer` starts jobs and runs none; `worker` runs those that exist. */
export type Role = 'all' | 'producer' | 'worker';

export interface ContenderSettings {
  readonly kind: DatabaseKind;
  readonly url: string;
  /** Further databases of orders, each with a store of its own. */
  readonly shardUrls: readonly string[];
  /** Where jobs are stored, if not in the database of the orders. */
  readonly jobsUrl: string | undefined;
  readonly role: Role;
  readonly steps: 1 | 2;
  readonly executions: Executions;
  /** A connection whose statements are not counted. */
  readonly watch: Watch;
}

/** One way to start and run the job of an order. */
export interface Contender {
  open(): Promise<void>;
  /** Stores the order, and starts its job, in one transaction where that is possible. */
  place(order: Order): Promise<void>;
  /** Whether any job has not ended. */
  pending(): Promise<boolean>;
  close(): Promise<void>;
}

export type MakeContender = (settings: ContenderSettings) => Contender;
