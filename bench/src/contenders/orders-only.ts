import type { Contender, ContenderSettings } from './contender.ts';
import { PgOrders, TypeOrmOrders, type OrderTransactions } from './order-transactions.ts';

/** The order without a job: what the application pays anyway. */
export class OrdersOnly implements Contender {
  /** One, or one in each of several databases, which take turns. */
  private readonly shards: readonly OrderTransactions[];

  constructor({ url, shardUrls, kind }: ContenderSettings, via: 'typeorm' | 'pg') {
    this.shards = [url, ...shardUrls].map((of) =>
      via === 'pg' ? new PgOrders(of) : new TypeOrmOrders(of, kind, kind === 'sqlite'),
    );
  }

  async open(): Promise<void> {
    for (const shard of this.shards) await shard.open();
  }

  place(order: Parameters<Contender['place']>[0]): Promise<void> {
    return this.shards[order.id % this.shards.length]!.place(order, () => Promise.resolve());
  }

  pending(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async close(): Promise<void> {
    for (const shard of this.shards) await shard.close();
  }
}
