import { UnreadableJobError } from '../../errors/index.js';
import type { DatabaseLookup } from '../../core/transactions/transaction-context.js';

/** Stored with a prepared job: where its transaction is found, and the delay of its first step. */
export interface PreparedLookup {
  readonly database: DatabaseLookup;
  /** Milliseconds. */
  readonly delay: number;
}

export function encodeLookup(database: DatabaseLookup, delay: number): string {
  return JSON.stringify({ database, delay } satisfies PreparedLookup);
}

export function decodeLookup(text: string): PreparedLookup {
  const lookup = parsed(text);
  if (typeof lookup?.database?.dataSource === 'string') return lookup;
  throw new UnreadableJobError('its lookup names no database');
}

function parsed(text: string): PreparedLookup | null {
  try {
    return JSON.parse(text) as PreparedLookup | null;
  } catch {
    // What the parser says quotes the text, with the name of a tenant.
    throw new UnreadableJobError('its lookup is no JSON');
  }
}
