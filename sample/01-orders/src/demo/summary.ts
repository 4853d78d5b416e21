import { audit, type Evidence } from './audit.js';

/** The text of the summary, and whether the demonstration succeeded. */
export interface Summary {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

const MAX_DIFFERENCES_SHOWN = 20;

/** Reports the final state, what was lost, and what was repeated. */
export function summarize(evidence: Evidence): Summary {
  const { records, emails, mailbox, stock } = evidence;
  const { orders, lines, movements, deliveries, products, jobs } = records;
  const differences = audit(evidence);

  const total = (values: Iterable<number>): number => [...values].reduce((sum, value) => sum + value, 0);
  const reserved = total(movements.map((movement) => movement.reserved));
  const backOrdered = total(movements.map((movement) => movement.backOrdered));
  const received = new Set(mailbox.map(({ messageId }) => messageId)).size;
  const calls = total(deliveries.map(({ timesReceived }) => timesReceived - 1));
  const moved = new Set(movements.map(({ orderNumber, sku }) => `${orderNumber} ${sku}`));

  const shown = differences.slice(0, MAX_DIFFERENCES_SHOWN).map((difference) => `     - ${difference}`);
  return {
    lines: [
      row('orders accepted', evidence.accepted.size),
      row('orders', orders.length, `of ${lines.length} lines, in the database`),
      row('jobs', jobs.filter(({ status }) => status === 'succeeded').length, 'succeeded'),
      row('stock movements', movements.length, `${reserved} pieces reserved, ${backOrdered} back-ordered`),
      row('pieces left', total(products.map(({ available }) => available)), `of ${total(stock.values())}`),
      row('e-mails', received, `received by the mail server, ${emails.length} copies in the outbox`),
      row('webhooks', deliveries.length, 'received'),
      row('differences', differences.length),
      ...shown,
      '',
      differences.length === 0
        ? 'Lost: nothing. Every accepted order has its stock movements, one e-mail and one webhook.'
        : 'Lost or wrong: see the differences above.',
      'Repeated, because the process died before it could store that they were done:',
      `   ${mailbox.length - received} e-mails (the mail server tells a repetition by its Message-ID)`,
      `   ${calls} webhooks (the receiver tells a repetition by its Idempotency-Key)`,
      `   ${movements.length - moved.size} stock movements (their step is transactional)`,
    ],
    exitCode: differences.length === 0 ? 0 : 1,
  };
}

function row(name: string, count: number, remark = ''): string {
  return `   ${name.padEnd(18)}${String(count).padStart(6)}  ${remark}`.trimEnd();
}
