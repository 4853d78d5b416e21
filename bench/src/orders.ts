/** What one producer does in one transaction: an order, and the job that belongs to it. */
export interface Order {
  readonly id: number;
  readonly customer: string;
  readonly note: string;
}

/** Padding, so that the arguments of a job are about 200 bytes of JSON. */
const NOTE = 'Leave it with the neighbours if nobody is in. '.repeat(3);

export function orderOf(id: number): Order {
  return { id, customer: `customer-${id % 1000}`, note: NOTE };
}

/** The same table everywhere. */
export const ORDERS_TABLE = {
  postgres: `CREATE TABLE IF NOT EXISTS orders (
    id bigint PRIMARY KEY, customer text NOT NULL, note text NOT NULL, created_at timestamptz NOT NULL DEFAULT now())`,
  mysql: `CREATE TABLE IF NOT EXISTS orders (
    id bigint PRIMARY KEY, customer varchar(255) NOT NULL, note text NOT NULL, created_at datetime(6) NOT NULL DEFAULT NOW(6))`,
  sqlite: `CREATE TABLE IF NOT EXISTS orders (
    id integer PRIMARY KEY, customer text NOT NULL, note text NOT NULL, created_at text NOT NULL DEFAULT CURRENT_TIMESTAMP)`,
} as const;

export type DatabaseKind = keyof typeof ORDERS_TABLE;

/** `$1` on PostgreSQL, `?` elsewhere. */
export function placeholders(kind: DatabaseKind, sql: string): string {
  return kind === 'postgres' ? sql : sql.replace(/\$\d+/g, '?');
}

export const INSERT_ORDER = 'INSERT INTO orders (id, customer, note) VALUES ($1, $2, $3)';

export function orderValues(order: Order): unknown[] {
  return [order.id, order.customer, order.note];
}
