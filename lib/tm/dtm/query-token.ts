import type { DatabaseLookup } from '../../core/transactions/transaction-context.js';
import type { CallbackSignature } from './callback-signature.js';
import { parseJson } from './json.js';

/** The branch that DTM asks about a transaction with. */
const QUERY_BRANCH = '00';

/** What DTM hands back when it asks how a transaction ended. */
export interface PreparedQuery {
  /** Where the transaction is found; absent for a job outside any transaction, which counts as committed. */
  readonly database?: DatabaseLookup;
  /** Seconds that DTM waits for the answer. */
  readonly requestTimeout: number;
  /** When the job was started, in milliseconds since 1970, by the clock of the process that started it. */
  readonly time: number;
  /** Seconds, from then on, before which DTM does not ask. */
  readonly queryPreparedAfter: number;
}

/** A prepared query as it is sent: URL-safe text and its signature. */
export interface QueryToken {
  readonly token: string;
  readonly signature: string | undefined;
}

/** Encodes and signs a query for the job of `gid`. In base64, since DTM's headers do not take every character. */
export function sealQuery(gid: string, query: PreparedQuery, signature: CallbackSignature): QueryToken {
  const token = Buffer.from(JSON.stringify(query)).toString('base64url');
  return { token, signature: signature.sign('msg', { gid, branchId: QUERY_BRANCH }, token) };
}

/** A query whose signature fits; `unauthenticated` when it does not, `invalid` when it cannot be read. */
export function openQuery(
  gid: string,
  token: string,
  given: unknown,
  signature: CallbackSignature,
): PreparedQuery | 'unauthenticated' | 'invalid' {
  const authentic = signature.accepts('msg', { gid, branchId: QUERY_BRANCH }, token, given);
  return authentic ? (readQuery(token) ?? 'invalid') : 'unauthenticated';
}

function readQuery(token: string): PreparedQuery | undefined {
  const query = parseJson(Buffer.from(token, 'base64url').toString()) as PreparedQuery | undefined;
  const { database, requestTimeout, time, queryPreparedAfter } = query ?? {};
  const numbers = [requestTimeout, time, queryPreparedAfter];
  if (!numbers.every((value) => typeof value === 'number' && Number.isFinite(value))) return undefined;
  return database === undefined || isDatabaseLookup(database) ? query : undefined;
}

/** Whether a value names a database. */
export function isDatabaseLookup(value: unknown): value is DatabaseLookup {
  const { dataSource, tenant } = (value ?? {}) as Partial<Record<keyof DatabaseLookup, unknown>>;
  return typeof dataSource === 'string' && ['string', 'undefined'].includes(typeof tenant);
}
