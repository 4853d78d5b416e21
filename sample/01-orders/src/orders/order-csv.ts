import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';

/** One line of the file: an article of an order, with the order's own data repeated. */
export interface OrderCsvRow {
  readonly order_number: string;
  readonly ordered_at: string;
  readonly customer_name: string;
  readonly customer_email: string;
  readonly street: string;
  readonly postal_code: string;
  readonly city: string;
  readonly country: string;
  readonly sku: string;
  readonly quantity: string;
  /** What the customer was shown for the whole order. */
  readonly total_cents: string;
}

/** Reads a file of orders; the lines of an order follow each other. */
export async function readOrderCsv(file: string): Promise<OrderCsvRow[][]> {
  const rows: OrderCsvRow[] = parse(await readFile(file), { columns: true });
  const orders: OrderCsvRow[][] = [];
  for (const row of rows) {
    const current = orders.at(-1);
    if (current?.[0]?.order_number === row.order_number) current.push(row);
    else orders.push([row]);
  }
  return orders;
}
