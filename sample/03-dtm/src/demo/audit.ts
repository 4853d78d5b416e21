import type { ShopRecords } from './shop-records.js';

/** What the audit compares: both databases, DTM's view, and the expected content. */
export interface Evidence {
  readonly records: ShopRecords;
  /** Pieces of each article before the first order. */
  readonly stock: ReadonlyMap<string, number>;
  /** The orders that the shop has accepted, with their totals in cents. */
  readonly accepted: ReadonlyMap<string, number>;
  /** DTM's status of the jobs by gid, those of orders and those that were rolled back. */
  readonly jobs: ReadonlyMap<string, string>;
}

/** Differences, one sentence each. */
export type Differences = readonly string[];

/** Compares everything. An empty result means that there is no difference. */
export function audit(evidence: Evidence): Differences {
  return [
    ...compareOrders(evidence),
    ...compareJobs(evidence),
    ...compareReservations(evidence),
    ...compareMovements(evidence),
    ...compareStock(evidence),
    ...compareInvoices(evidence),
  ];
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

function* compareJobs({ jobs, records }: Evidence): Iterable<string> {
  const orders = new Map(records.orders.map((order) => [order.jobGid, order]));
  for (const { number, jobGid } of records.orders) {
    const status = jobs.get(jobGid) ?? 'unknown';
    if (status !== 'succeed') yield `The job of order ${number} is ${status} at DTM.`;
  }
  for (const [gid, status] of jobs) {
    if (!orders.has(gid) && status !== 'failed')
      yield `Job ${gid} belongs to no order and is ${status} at DTM.`;
  }
}

/** Every job of an order has reached the stock service, and no job of a rolled-back transaction has. */
function* compareReservations({ records }: Evidence): Iterable<string> {
  const asked = new Set(records.reservations.map(({ idempotencyKey }) => gidOf(idempotencyKey)));
  for (const { number, jobGid } of records.orders) {
    if (!asked.delete(jobGid)) yield `The stock service was not asked to reserve order ${number}.`;
  }
  for (const gid of asked) yield `The stock service was asked to reserve by job ${gid}, which has no order.`;
}

/** Compares the order lines of one database with the stock movements of the other. */
function* compareMovements({ records }: Evidence): Iterable<string> {
  const key = (row: { orderNumber: string; sku: string }): string => `${row.orderNumber}, ${row.sku}`;
  const movements = groupBy(records.movements, key);
  for (const line of records.lines) {
    const found = movements.get(key(line)) ?? [];
    movements.delete(key(line));
    const [movement] = found;
    if (!movement || found.length > 1) {
      yield `There are ${found.length} stock movements for order ${key(line)}.`;
      continue;
    }
    const moved = movement.reserved + movement.backOrdered;
    if (moved !== line.quantity)
      yield `${moved} pieces moved for order ${key(line)}: it has ${line.quantity}.`;
    if (line.reserved !== movement.reserved) {
      yield `Order ${key(line)} has ${line.reserved ?? 'no'} pieces reserved: the stock service has ${movement.reserved}.`;
    }
  }
  for (const orphan of movements.keys())
    yield `There is a stock movement for ${orphan}, which nobody ordered.`;
}

function* compareStock({ stock, records }: Evidence): Iterable<string> {
  const movements = groupBy(records.movements, ({ sku }) => sku);
  for (const { sku, available } of records.products) {
    const expected = (stock.get(sku) ?? 0) - sumOf(movements.get(sku) ?? [], ({ reserved }) => reserved);
    if (available !== expected) yield `${available} pieces of ${sku} are in stock: it should be ${expected}.`;
    if (available < 0) yield `More of ${sku} was reserved than there was.`;
  }
}

function* compareInvoices({ records }: Evidence): Iterable<string> {
  const invoices = groupBy(records.invoices, ({ orderNumber }) => orderNumber);
  for (const { number, totalCents } of records.orders) {
    const found = invoices.get(number) ?? [];
    invoices.delete(number);
    if (found.length !== 1) yield `Order ${number} has ${found.length} invoices.`;
    else if (found[0]!.totalCents !== totalCents) yield `The invoice of order ${number} has another total.`;
  }
  for (const orphan of invoices.keys())
    yield `There is an invoice for order ${orphan}, which is not in the database.`;
}

/** The keys of `HttpRequestStep` begin with the gid of their job. */
function gidOf(idempotencyKey: string): string {
  return idempotencyKey.slice(0, idempotencyKey.lastIndexOf(':'));
}

function groupBy<T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}

function sumOf<T>(rows: readonly T[], valueOf: (row: T) => number): number {
  return rows.reduce((sum, row) => sum + valueOf(row), 0);
}
