import type { DatabaseLookup } from '../../core/transactions/transaction-context.js';
import type { CallbackSignature } from './callback-signature.js';
import { parseJson } from './json.js';

/** What DTM hands back when it asks how a transaction ended. */
export interface PreparedQuery {
  /** Where the transaction is found; absent for a job outside any transaction, which counts as committed. */
  readonly database?: DatabaseLookup;
  /** Seconds that DTM waits for the answer. */
  readonly requestTimeout: number;
}

/** A prepared query as it is sent: URL-safe text and its signature. */
export interface QueryToken {
  readonly token: string;
  readonly signature: string | undefined;
}

/** Encodes and signs a query for the job of `wireGid`. In base64, since DTM's headers do not take every character. */
export function sealQuery(wireGid: string, query: PreparedQuery, signature: CallbackSignature): QueryToken {
  const token = Buffer.from(JSON.stringify(query)).toString('base64url');
  return { token, signature: signature.sign('query', [wireGid, token]) };
}

/** Decodes a token whose signature was checked; `undefined` for one that cannot be read. */
export function openQuery(token: string): PreparedQuery | undefined {
  const query = parseJson(Buffer.from(token, 'base64url').toString()) as PreparedQuery | undefined;
  if (typeof query?.requestTimeout !== 'number') return undefined;
  const { database } = query;
  const isDatabase =
    database === undefined ||
    (typeof database?.dataSource === 'string' && ['string', 'undefined'].includes(typeof database.tenant));
  return isDatabase ? query : undefined;
}
