import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { DATA_FILES } from '../config/data-files.js';

/** An article of an order, with the order's own data repeated. */
interface OrderCsvRow {
  readonly order_number: string;
  readonly customer_name: string;
  readonly customer_email: string;
  readonly sku: string;
  readonly quantity: string;
  readonly total_cents: string;
}

/** An order as a client sends it, with the total that the customer was shown. */
export interface OrderRequest {
  readonly totalCents: number;
  readonly body: {
    readonly number: string;
    readonly customerName: string;
    readonly customerEmail: string;
    readonly lines: { readonly sku: string; readonly quantity: number }[];
  };
}

/** The first `count` orders of the file; the lines of an order follow each other. */
export async function readOrderFile(count: number): Promise<OrderRequest[]> {
  const rows: OrderCsvRow[] = parse(await readFile(DATA_FILES.orders), { columns: true });
  const orders: OrderRequest[] = [];
  for (const row of rows) {
    let order = orders.at(-1);
    if (order?.body.number !== row.order_number) {
      const { order_number: number, customer_name: customerName, customer_email: customerEmail } = row;
      order = {
        totalCents: Number(row.total_cents),
        body: { number, customerName, customerEmail, lines: [] },
      };
      orders.push(order);
    }
    order.body.lines.push({ sku: row.sku, quantity: Number(row.quantity) });
  }
  return orders.slice(0, count);
}
