import { randomUUID } from 'node:crypto';
import type { JobMessage } from '../../core/jobs/job-message.js';
import type { JobOrigin } from '../../core/jobs/job-origin.js';
import { isRecord } from '../../core/options.js';
import type { DatabaseLookup, TransactionContext } from '../../core/transactions/transaction-context.js';
import { UnreadableJobError } from '../../errors/index.js';

/** What the transaction of a job has left in its row. Most jobs need nothing of it, and store nothing. */
export interface JobLookup {
  /** Of a prepared job: where its transaction is found. */
  readonly database?: DatabaseLookup;
  /** Of a prepared job: how many milliseconds after its submit the first step is due. */
  readonly delay?: number;
  /**
   * With a gid of the caller's own, which other applications may use as well: the gid of its barrier rows, which nobody else
   * can have.
   */
  readonly barrierGid?: string;
  /**
   * With a gid of the caller's own, where there are several stores: the one that keeps the job. It is kept with the job, so that its
   * idempotency keys stay as they are when stores are added or renamed.
   */
  readonly store?: string;
  /** With a gid of the caller's own, of a job that was written submitted in a transaction: the database of that. */
  readonly origin?: DatabaseLookup;
}

/** Of a prepared job. */
export interface PreparedLookup extends JobLookup {
  readonly database: DatabaseLookup;
  readonly delay: number;
}

/** For a job that is prepared, since its transaction is in another database. */
export function preparedLookup(
  { gid, callerGid, delay }: JobMessage,
  database: DatabaseLookup,
  store?: string,
): PreparedLookup {
  return callerGid
    ? { database, delay, barrierGid: barrierGidOf(gid), ...(store !== undefined && { store }) }
    : { database, delay };
}

/** For a job that is written submitted; undefined where there is nothing to store. */
export function submittedLookup(
  { gid, callerGid }: JobMessage,
  transaction?: TransactionContext,
  store?: string,
): JobLookup | undefined {
  if (!callerGid) return undefined;
  return {
    barrierGid: barrierGidOf(gid),
    ...(store !== undefined && { store }),
    ...(transaction && { origin: transaction.lookup }),
  };
}

/** @throws UnreadableJobError. */
export function decodeLookup(text: string): JobLookup {
  let lookup: unknown;
  try {
    lookup = JSON.parse(text);
  } catch {
    // What the parser says quotes the text, with the name of a tenant.
    throw new UnreadableJobError('its lookup is no JSON');
  }
  if (!isLookup(lookup)) throw new UnreadableJobError('its lookup is none');
  return lookup;
}

/** The same for a prepared job. */
export function decodePrepared(text: string | null): PreparedLookup {
  const { database, delay = 0, ...rest } = decodeLookup(text ?? 'null');
  if (!database) throw new UnreadableJobError('its lookup names no database');
  return { database, delay, ...rest };
}

/** Undefined stands for a job without a lookup. */
export function originOf(lookup: JobLookup | undefined): JobOrigin | undefined {
  return lookup?.database ?? lookup?.origin;
}

/** What fits beside the rest of a barrier's gid. */
const SHOWN_LENGTH = 91;

function barrierGidOf(gid: string): string {
  return `${gid.slice(0, SHOWN_LENGTH)}:${randomUUID()}`;
}

function isLookup(value: unknown): value is JobLookup {
  if (!isRecord(value)) return false;
  const { database, barrierGid, origin, store } = value;
  if (store !== undefined && typeof store !== 'string') return false;
  const hasGid = barrierGid === undefined ? database !== undefined : typeof barrierGid === 'string';
  return hasGid && [database, origin].every((named) => named === undefined || isDatabase(named));
}

function isDatabase(value: unknown): value is DatabaseLookup {
  return isRecord(value) && typeof value.dataSource === 'string' && isTenant(value.tenant);
}

function isTenant(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
