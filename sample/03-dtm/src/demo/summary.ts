import { audit, type Evidence } from './audit.js';
import type { RequestRecord } from './shop-records.js';

/** The text of the summary, and whether the demonstration succeeded. */
export interface Summary {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

const MAX_DIFFERENCES_SHOWN = 20;

/**
 * Reports the final state, what was lost, and what was repeated.
 *
 * @param sentAgain How many orders the client sent a second time.
 */
export function summarize(evidence: Evidence, sentAgain: number): Summary {
  const { records, stock, jobs } = evidence;
  const { orders, lines, invoices, movements, products } = records;
  const differences = audit(evidence);

  const reserved = total(movements.map((movement) => movement.reserved));
  const backOrdered = total(movements.map((movement) => movement.backOrdered));
  const statuses = [...jobs.values()];
  const moved = new Set(movements.map(({ orderNumber, sku }) => `${orderNumber} ${sku}`));
  const invoiced = new Set(invoices.map(({ orderNumber }) => orderNumber));

  const shown = differences.slice(0, MAX_DIFFERENCES_SHOWN).map((difference) => `     - ${difference}`);
  return {
    lines: [
      row('orders accepted', evidence.accepted.size),
      row('orders', orders.length, `of ${lines.length} lines, in PostgreSQL`),
      row('invoices', invoices.length, 'in PostgreSQL'),
      row('jobs of orders', count(statuses, 'succeed'), 'succeeded, says DTM'),
      row('jobs rolled back', count(statuses, 'failed'), 'their transactions did not commit'),
      row(
        'stock movements',
        movements.length,
        `${reserved} pieces reserved, ${backOrdered} back-ordered, in MariaDB`,
      ),
      row(
        'pieces left',
        total(products.map(({ available }) => available)),
        `of ${total(stock.values())}, in MariaDB`,
      ),
      row('differences', differences.length),
      ...shown,
      '',
      differences.length === 0
        ? 'Lost: nothing. Every committed order is reserved once and has one invoice; no rolled-back one is reserved.'
        : 'Lost or wrong: see the differences above.',
      'Repeated, because a process died before its success was known:',
      `   ${sentAgain} orders (the client had no answer; an order is known by its number)`,
      `   ${repeated(records.reservations)} reservation requests (the stock service knows them by their Idempotency-Key)`,
      `   ${repeated(records.reports)} reports of reservations (the order service does the same)`,
      `   ${movements.length - moved.size} stock movements (in one transaction with the note in the inbox)`,
      `   ${invoices.length - invoiced.size} invoices (their step is transactional)`,
    ],
    exitCode: differences.length === 0 ? 0 : 1,
  };
}

function repeated(requests: readonly RequestRecord[]): number {
  return total(requests.map(({ timesReceived }) => timesReceived - 1));
}

function total(values: Iterable<number>): number {
  return [...values].reduce((sum, value) => sum + value, 0);
}

function count(statuses: readonly string[], status: string): number {
  return statuses.filter((one) => one === status).length;
}

function row(name: string, number: number, remark = ''): string {
  return `   ${name.padEnd(18)}${String(number).padStart(6)}  ${remark}`.trimEnd();
}
