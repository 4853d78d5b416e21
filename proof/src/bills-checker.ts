import type { LedgerEntry } from './ledger.js';
import type { Forbidden, Verdict } from './verdict.js';

const SHOWN_PER_KIND = 5;

/** Adds to a verdict what has become of the events: each committed order must be billed once, and no other one. */
export function checkBills(
  verdict: Verdict,
  ledger: Iterable<LedgerEntry>,
  /** The ids of the orders whose rows exist. */
  orders: ReadonlySet<string>,
  /** How often each order was billed. */
  bills: ReadonlyMap<string, number>,
): Verdict {
  const found: Partial<Record<Forbidden, string[]>> = {};
  const violate = (kind: Forbidden, text: string): void => void (found[kind] ??= []).push(text);
  const asked = new Set([...ledger].map(({ plan }) => plan.order));
  for (const order of new Set([...asked, ...orders, ...bills.keys()])) {
    const times = bills.get(order) ?? 0;
    if (orders.has(order) && times === 0)
      violate('eventsLost', `order ${order} is committed, and nobody was told`);
    if (times > 1) violate('billedTwice', `order ${order} is billed ${times} times`);
    if (!orders.has(order) && times > 0)
      violate('billedThoughRolledBack', `order ${order} is billed and is not there`);
  }
  const kinds = Object.entries(found) as [Forbidden, string[]][];
  const counts = kinds.map(([kind, texts]) => [kind, texts.length] as const);
  const shown = kinds.flatMap(([kind, texts]) =>
    texts.slice(0, SHOWN_PER_KIND).map((text) => `${kind}: ${text}`),
  );
  return {
    ...verdict,
    forbidden: { ...verdict.forbidden, ...Object.fromEntries(counts) },
    violations: [...verdict.violations, ...shown],
  };
}
