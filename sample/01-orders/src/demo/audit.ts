import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { databaseIn, FIXTURES, mailboxIn, outboxIn } from '../config/shop.config.js';
import { readEmails, type Email } from './emails.js';
import { readRecords, type ShopRecords } from './shop-records.js';

/** What the audit compares: the database, the files, and the expected content. */
export interface Evidence {
  readonly records: ShopRecords;
  /** The copies of the service. */
  readonly emails: readonly Email[];
  /** What the mail server has accepted. */
  readonly mailbox: readonly Email[];
  /** Pieces of each article before the first order. */
  readonly stock: ReadonlyMap<string, number>;
  /** The orders that the shop has accepted, with their totals in cents. */
  readonly accepted: ReadonlyMap<string, number>;
}

/** Differences, one sentence each. */
export type Differences = readonly string[];

/** Reads the folder of a service, without code of the service or the library. */
export async function gatherEvidence(
  folder: string,
  accepted: ReadonlyMap<string, number>,
): Promise<Evidence> {
  const products: { sku: string; stock: string }[] = parse(await readFile(FIXTURES.products), {
    columns: true,
  });
  return {
    records: readRecords(databaseIn(folder)),
    emails: await readEmails(outboxIn(folder)),
    mailbox: await readEmails(mailboxIn(folder)),
    stock: new Map(products.map(({ sku, stock }) => [sku, Number(stock)])),
    accepted,
  };
}

/** Compares everything. An empty result means that there is no difference. */
export function audit(evidence: Evidence): Differences {
  return [
    ...compareOrders(evidence),
    ...compareJobs(evidence),
    ...compareMovements(evidence),
    ...compareStock(evidence),
    ...compareEmails(evidence),
    ...compareMailbox(evidence),
    ...compareDeliveries(evidence),
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
  const lines = groupBy(records.lines, ({ orderNumber }) => orderNumber);
  for (const { number, totalCents } of records.orders) {
    if (!accepted.has(number)) yield `Order ${number} is in the database and was never accepted.`;
    const sum = sumOf(lines.get(number) ?? [], (line) => line.quantity * line.unitPriceCents);
    if (sum !== totalCents) yield `The lines of order ${number} make ${sum} cents, and not ${totalCents}.`;
  }
}

function* compareJobs({ records }: Evidence): Iterable<string> {
  yield* oneEach('job', records, records.jobs);
  for (const { orderNumber, status } of records.jobs) {
    if (status !== 'succeeded') yield `The job of order ${orderNumber} is ${status}.`;
  }
}

function* compareMovements({ records }: Evidence): Iterable<string> {
  const key = (row: { orderNumber: string; sku: string }): string => `${row.orderNumber}, ${row.sku}`;
  const movements = groupBy(records.movements, key);
  for (const line of records.lines) {
    const found = movements.get(key(line)) ?? [];
    movements.delete(key(line));
    const moved = sumOf(found, ({ reserved, backOrdered }) => reserved + backOrdered);
    if (found.length !== 1) yield `There are ${found.length} stock movements for order ${key(line)}.`;
    else if (moved !== line.quantity)
      yield `${moved} pieces moved for order ${key(line)}: it has ${line.quantity}.`;
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

function* compareEmails({ records, emails }: Evidence): Iterable<string> {
  yield* oneEach('e-mail', records, emails);
  const orders = new Map(records.orders.map((order) => [order.number, order]));
  for (const { orderNumber, to, text } of emails) {
    const order = orders.get(orderNumber);
    if (!order) continue;
    if (to !== order.customerEmail) yield `The e-mail of order ${orderNumber} went to ${to}.`;
    const total = `Total: ${(order.totalCents / 100).toFixed(2)} EUR`;
    if (!text.includes(total)) yield `The e-mail of order ${orderNumber} does not say "${total}".`;
  }
}

/** The mail server may have a mail twice, and no mail under two ids. */
function* compareMailbox({ records, emails, mailbox }: Evidence): Iterable<string> {
  const accepted = groupBy(mailbox, ({ orderNumber }) => orderNumber);
  const copies = new Map(emails.map((email) => [email.orderNumber, email]));
  for (const { number } of records.orders) {
    const found = accepted.get(number) ?? [];
    accepted.delete(number);
    if (found.length === 0) yield `The mail server has no e-mail of order ${number}.`;
    const copy = copies.get(number);
    if (copy && found.some(({ messageId, to }) => messageId !== copy.messageId || to !== copy.to)) {
      yield `The mail server has an e-mail of order ${number} with another id or address.`;
    }
  }
  for (const orphan of accepted.keys())
    yield `The mail server has an e-mail of order ${orphan}, which is not in the database.`;
}

function compareDeliveries({ records }: Evidence): Iterable<string> {
  return oneEach('webhook delivery', records, records.deliveries);
}

/** Each order has exactly one, and there are no others. */
function* oneEach(
  what: string,
  { orders }: ShopRecords,
  things: readonly { readonly orderNumber: string }[],
): Iterable<string> {
  const found = groupBy(things, ({ orderNumber }) => orderNumber);
  for (const { number } of orders) {
    const count = found.get(number)?.length ?? 0;
    found.delete(number);
    if (count === 0) yield `Order ${number} has no ${what}.`;
    else if (count > 1) yield `Order ${number} has ${count} of what it should have once: ${what}.`;
  }
  for (const orphan of found.keys()) yield `Order ${orphan} is not in the database and has: ${what}.`;
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
