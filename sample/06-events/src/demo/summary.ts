import { audit, type Evidence } from './audit.js';

/** The text of the summary, and whether the demonstration succeeded. */
export interface Summary {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

const MAX_DIFFERENCES_SHOWN = 20;

/** Reports the final state, what was lost, and what was repeated. */
export function summarize(evidence: Evidence): Summary {
  const { orders, events, invoices, repetitions } = evidence.records;
  const differences = audit(evidence);
  const published = events.filter(({ status }) => status === 'succeeded').length;
  const billed = new Set(invoices.map(({ orderNumber }) => orderNumber));
  const repeated = new Set(repetitions.map(({ orderNumber }) => orderNumber));
  const shown = differences.slice(0, MAX_DIFFERENCES_SHOWN).map((difference) => `     - ${difference}`);
  return {
    lines: [
      row('orders accepted', evidence.accepted.size),
      row('orders', orders.length, 'in the database of the order service'),
      row('events', published, 'published, says the order service'),
      row('events waiting', evidence.waiting, 'in the queue'),
      row('invoices', invoices.length, 'in the database of the billing service'),
      row('differences', differences.length),
      ...shown,
      '',
      differences.length === 0
        ? 'Lost: nothing. Every accepted order has its event and one invoice.'
        : 'Lost or wrong: see the differences above.',
      'Repeated, because an answer was lost with a connection or a process:',
      `   ${repeated.size} events (received ${repetitions.length} times more; the inbox knows them by their ids)`,
      `   ${invoices.length - billed.size} invoices (in one transaction with the mark in the inbox)`,
    ],
    exitCode: differences.length === 0 ? 0 : 1,
  };
}

function row(name: string, number: number, remark = ''): string {
  return `   ${name.padEnd(18)}${String(number).padStart(6)}  ${remark}`.trimEnd();
}
