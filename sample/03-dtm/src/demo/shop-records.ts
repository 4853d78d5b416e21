import type { RowDataPacket } from 'mysql2/promise';
import { withMariaDb, withPostgres, type DatabaseUrls } from './databases.js';

export interface OrderRecord {
  readonly number: string;
  readonly totalCents: number;
  readonly jobGid: string;
}

export interface OrderLineRecord {
  readonly orderNumber: string;
  readonly sku: string;
  readonly quantity: number;
  readonly reserved: number | null;
}

export interface InvoiceRecord {
  readonly orderNumber: string;
  readonly totalCents: number;
}

export interface MovementRecord {
  readonly orderNumber: string;
  readonly sku: string;
  readonly reserved: number;
  readonly backOrdered: number;
}

/** A request in the inbox of a service. */
export interface RequestRecord {
  readonly idempotencyKey: string;
  readonly timesReceived: number;
}

/** All data that the two services have stored. */
export interface ShopRecords {
  readonly orders: readonly OrderRecord[];
  readonly lines: readonly OrderLineRecord[];
  readonly invoices: readonly InvoiceRecord[];
  /** Requests of the stock service to the order service. */
  readonly reports: readonly RequestRecord[];
  readonly products: readonly { readonly sku: string; readonly available: number }[];
  readonly movements: readonly MovementRecord[];
  /** Requests of the order service to the stock service. */
  readonly reservations: readonly RequestRecord[];
}

type OrderServiceRecords = Pick<ShopRecords, 'orders' | 'lines' | 'invoices' | 'reports'>;
type StockServiceRecords = Pick<ShopRecords, 'products' | 'movements' | 'reservations'>;

/** Reads both databases through separate connections. */
export async function readRecords({ orders, stock }: DatabaseUrls): Promise<ShopRecords> {
  const [ofOrders, ofStock] = await Promise.all([readOrderService(orders), readStockService(stock)]);
  return { ...ofOrders, ...ofStock };
}

/** Reads one snapshot. */
function readOrderService(url: string): Promise<OrderServiceRecords> {
  return withPostgres(url, async (client) => {
    const all = async <T extends object>(sql: string): Promise<T[]> => (await client.query<T>(sql)).rows;
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return {
      orders: await all<OrderRecord>('SELECT number, "totalCents", "jobGid" FROM orders'),
      lines: await all<OrderLineRecord>('SELECT "orderNumber", sku, quantity, reserved FROM order_lines'),
      invoices: await all<InvoiceRecord>('SELECT "orderNumber", "totalCents" FROM invoices'),
      reports: await all<RequestRecord>('SELECT "idempotencyKey", "timesReceived" FROM received_requests'),
    };
  });
}

/** Reads one snapshot. */
function readStockService(url: string): Promise<StockServiceRecords> {
  return withMariaDb(url, async (connection) => {
    const all = async <T>(sql: string): Promise<T[]> =>
      (await connection.query<RowDataPacket[]>(sql))[0] as T[];
    await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    return {
      products: await all<{ sku: string; available: number }>('SELECT sku, available FROM products'),
      movements: await all<MovementRecord>(
        'SELECT orderNumber, sku, reserved, backOrdered FROM stock_movements',
      ),
      reservations: await all<RequestRecord>('SELECT idempotencyKey, timesReceived FROM received_requests'),
    };
  });
}
