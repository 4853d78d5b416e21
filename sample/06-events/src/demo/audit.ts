import type { Records } from './records.js';

/** What the audit compares: both databases, the queue, and the expected content. */
export interface Evidence {
  readonly records: Records;
  /** The orders that the shop has accepted, with their totals in cents. */
  readonly accepted: ReadonlyMap<string, number>;
  /** Events that are still in the queue. */
  readonly waiting: number;
}

/** Differences, one sentence each. */
export type Differences = readonly string[];

/** Compares everything. An empty result means that there is no difference. */
export function audit(evidence: Evidence): Differences {
  return [...compareOrders(evidence), ...compareEvents(evidence), ...compareInvoices(evidence)];
}

function* compareOrders({ accepted, records }: Evidence): Iterable<string> {
  const orders = new Map(records.orders.map((order) => [order.number, order]));
  for (const [number, totalCents] of accepted) {
    const order = orders.get(number);
    if (!order) yield `Order ${number} was accepted and is not in the database.`;
    else if (order.totalCents !== totalCents) {
      yield `Order ${number} costs ${order.totalCents} cents in the database, and not ${totalCents}.`;
    }
  }
  for (const number of orders.keys()) {
    if (!accepted.has(number)) yield `Order ${number} is in the database and was never accepted.`;
  }
}

function* compareEvents({ records, waiting }: Evidence): Iterable<string> {
  const events = groupBy(records.events);
  for (const { number } of records.orders) {
    const found = events.get(number) ?? [];
    events.delete(number);
    if (found.length !== 1) yield `Order ${number} has ${found.length} events.`;
    for (const { status } of found) {
      if (status !== 'succeeded') yield `The event of order ${number} is ${status}.`;
    }
  }
  for (const orphan of events.keys())
    yield `There is an event of order ${orphan}, which is not in the database.`;
  if (waiting > 0) yield `${waiting} events are still in the queue.`;
}

/** Compares the orders of one database with the invoices of the other. */
function* compareInvoices({ records }: Evidence): Iterable<string> {
  const invoices = groupBy(records.invoices);
  for (const { number, totalCents } of records.orders) {
    const found = invoices.get(number) ?? [];
    invoices.delete(number);
    if (found.length === 0) yield `Order ${number} was not billed.`;
    if (found.length > 1) yield `Order ${number} was billed ${found.length} times.`;
    if (found.some((invoice) => invoice.totalCents !== totalCents))
      yield `An invoice of order ${number} has another total.`;
  }
  for (const orphan of invoices.keys())
    yield `There is an invoice for order ${orphan}, which is not in the database.`;
}

function groupBy<T extends { readonly orderNumber: string }>(rows: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(row.orderNumber);
    if (group) group.push(row);
    else groups.set(row.orderNumber, [row]);
  }
  return groups;
}
