import Database from 'better-sqlite3';
import { billingDatabaseIn, ordersDatabaseIn } from '../config/data-files.js';

export interface OrderRecord {
  readonly number: string;
  readonly totalCents: number;
}

/** The job that publishes the event of an order. */
export interface EventRecord {
  readonly orderNumber: string;
  readonly status: string;
}

export interface InvoiceRecord {
  readonly orderNumber: string;
  readonly totalCents: number;
}

/** All data that the two services have stored. */
export interface Records {
  readonly orders: readonly OrderRecord[];
  readonly events: readonly EventRecord[];
  readonly invoices: readonly InvoiceRecord[];
  /** The order of each event that came once more. */
  readonly repetitions: readonly { readonly orderNumber: string }[];
}

type Read = <T>(sql: string) => T[];

/** Reads both databases through separate, read-only connections. */
export function readRecords(folder: string): Records {
  const ofOrders = snapshot(ordersDatabaseIn(folder), (all) => ({
    orders: all<OrderRecord>('SELECT number, totalCents FROM orders'),
    events: all<EventRecord>(`SELECT replace(gid, 'order:', '') AS orderNumber, status FROM stepping_jobs`),
  }));
  return { ...ofOrders, ...readBilling(folder) };
}

/** The part that the billing service has stored. */
export function readBilling(folder: string): Pick<Records, 'invoices' | 'repetitions'> {
  return snapshot(billingDatabaseIn(folder), (all) => ({
    invoices: all<InvoiceRecord>('SELECT orderNumber, totalCents FROM invoices'),
    repetitions: all<{ orderNumber: string }>(
      `SELECT replace(eventId, 'order:', '') AS orderNumber FROM repetitions`,
    ),
  }));
}

function snapshot<T>(file: string, read: (all: Read) => T): T {
  const database = new Database(file, { readonly: true, timeout: 2000 });
  try {
    return database.transaction(() => read(<R>(sql: string) => database.prepare<[], R>(sql).all()))();
  } finally {
    database.close();
  }
}
