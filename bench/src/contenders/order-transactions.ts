import { createRequire } from 'node:module';
import pg from 'pg';
import { DataSource, type DataSourceOptions, type EntityManager } from 'typeorm';
import {
  INSERT_ORDER,
  ORDERS_TABLE,
  orderValues,
  placeholders,
  type DatabaseKind,
  type Order,
} from '../orders.ts';

/** The part of an order's transaction that a job queue needs. */
export interface OrderTransaction {
  query(sql: string, params: unknown[]): Promise<{ rows: unknown[] }>;
  /** The connection of the transaction, for queues that ask for one (PostgreSQL only). */
  client(): Promise<pg.ClientBase>;
}

/** Stores orders, each in a transaction that `inside` takes part in. */
export interface OrderTransactions {
  open(): Promise<void>;
  place(order: Order, inside: (transaction: OrderTransaction) => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

/** One connection for each of the 16 producers, and a few more. */
export const POOL_SIZE = 20;

/** The way an application with TypeORM does it. */
export class TypeOrmOrders implements OrderTransactions {
  readonly dataSource: DataSource;
  private readonly insertOrder: string;
  private lane: Promise<unknown> = Promise.resolve();

  private readonly kind: DatabaseKind;
  /** SQLite has one connection. Without Stepping, transactions have to be serialized here. */
  private readonly oneAtATime: boolean;

  constructor(url: string, kind: DatabaseKind, oneAtATime = false, name?: string) {
    this.kind = kind;
    this.oneAtATime = oneAtATime;
    this.dataSource = new DataSource({
      ...dataSourceOptions(url, kind),
      ...(name && { name }),
    } as DataSourceOptions);
    this.insertOrder = placeholders(kind, INSERT_ORDER);
  }

  async open(): Promise<void> {
    await this.dataSource.initialize();
    await this.dataSource.query(ORDERS_TABLE[this.kind]);
  }

  place(order: Order, inside: (transaction: OrderTransaction) => Promise<unknown>): Promise<void> {
    const transact = () =>
      this.dataSource.transaction(async (manager) => {
        await manager.query(this.insertOrder, orderValues(order));
        await inside(transactionOf(manager));
      });
    return this.oneAtATime ? this.inLine(transact) : transact();
  }

  inLine<T>(work: () => Promise<T>): Promise<T> {
    const done = this.lane.then(work);
    this.lane = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
  }
}

/** The way an application with the bare driver does it. */
export class PgOrders implements OrderTransactions {
  private readonly pool: pg.Pool;

  constructor(url: string) {
    this.pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  }

  async open(): Promise<void> {
    await this.pool.query(ORDERS_TABLE.postgres);
  }

  async place(order: Order, inside: (transaction: OrderTransaction) => Promise<unknown>): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query(INSERT_ORDER, orderValues(order));
      await inside({
        query: (sql, params) => client.query(sql, params),
        client: () => Promise.resolve(client),
      });
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}

export function dataSourceOptions(url: string, kind: DatabaseKind): DataSourceOptions {
  switch (kind) {
    case 'postgres':
      return { type: 'postgres', url, poolSize: POOL_SIZE };
    case 'mysql':
      return { type: 'mysql', url, poolSize: POOL_SIZE };
    case 'sqlite':
      // `synchronous = FULL` syncs at every commit: as durable as the others.
      return {
        type: 'better-sqlite3',
        // TypeORM would load version 12, whose statements crash newer Nodes when they are collected.
        driver: createRequire(import.meta.url)('better-sqlite3-napi'),
        database: url,
        enableWAL: true,
        prepareDatabase: (database: { pragma(text: string): void }) => database.pragma('synchronous = FULL'),
      };
  }
}

function transactionOf(manager: EntityManager): OrderTransaction {
  return {
    query: async (sql, params) => ({ rows: await manager.query<unknown[]>(sql, params) }),
    client: () => manager.queryRunner!.connect() as Promise<pg.ClientBase>,
  };
}
