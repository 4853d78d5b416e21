import type { Contender, ContenderSettings } from './contender.ts';
import { PgOrders, TypeOrmOrders, type OrderTransactions } from './order-transactions.ts';

/** The order without a job: what the application pays anyway. */
export class OrdersOnly implements Contender {
  private readonly orders: OrderTransactions;

  constructor({ url, kind }: ContenderSettings, via: 'typeorm' | 'pg') {
    this.orders = via === 'pg' ? new PgOrders(url) : new TypeOrmOrders(url, kind, kind === 'sqlite');
  }

  open(): Promise<void> {
    return this.orders.open();
  }

  place(order: Parameters<Contender['place']>[0]): Promise<void> {
    return this.orders.place(order, () => Promise.resolve());
  }

  pending(): Promise<boolean> {
    return Promise.resolve(false);
  }

  close(): Promise<void> {
    return this.orders.close();
  }
}
