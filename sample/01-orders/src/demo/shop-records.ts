import Database from 'better-sqlite3';

export interface OrderRecord {
  readonly number: string;
  readonly customerEmail: string;
  readonly totalCents: number;
}

export interface OrderLineRecord {
  readonly orderNumber: string;
  readonly sku: string;
  readonly quantity: number;
  readonly unitPriceCents: number;
}

export interface MovementRecord {
  readonly orderNumber: string;
  readonly sku: string;
  readonly reserved: number;
  readonly backOrdered: number;
}

export interface DeliveryRecord {
  readonly idempotencyKey: string;
  readonly orderNumber: string;
  readonly timesReceived: number;
}

export interface JobRecord {
  readonly orderNumber: string;
  readonly status: string;
  readonly stepIndex: number;
}

/** All data that the service has stored. */
export interface ShopRecords {
  readonly orders: readonly OrderRecord[];
  readonly lines: readonly OrderLineRecord[];
  readonly products: readonly { readonly sku: string; readonly available: number }[];
  readonly movements: readonly MovementRecord[];
  readonly deliveries: readonly DeliveryRecord[];
  readonly jobs: readonly JobRecord[];
}

/** Reads the tables through a separate, read-only connection, in one snapshot. */
export function readRecords(file: string): ShopRecords {
  const database = new Database(file, { readonly: true, timeout: 2000 });
  const all = <T>(sql: string): T[] => database.prepare<[], T>(sql).all();
  try {
    return database.transaction(() => ({
      orders: all<OrderRecord>('SELECT number, customerEmail, totalCents FROM orders'),
      lines: all<OrderLineRecord>('SELECT orderNumber, sku, quantity, unitPriceCents FROM order_lines'),
      products: all<{ sku: string; available: number }>('SELECT sku, available FROM products'),
      movements: all<MovementRecord>('SELECT orderNumber, sku, reserved, backOrdered FROM stock_movements'),
      deliveries: all<DeliveryRecord>(
        'SELECT idempotencyKey, orderNumber, timesReceived FROM webhook_deliveries',
      ),
      jobs: all<JobRecord>(
        `SELECT replace(gid, 'order:', '') AS orderNumber, status, step_index AS stepIndex FROM stepping_jobs`,
      ),
    }))();
  } finally {
    database.close();
  }
}
