import type { DatabaseLookup } from '../../core/transactions/database-lookup.js';
import type { CallbackSignature } from './callback-signature.js';
import { parseJson } from './json.js';

/** What DTM hands back when it asks how a transaction ended. */
export interface PreparedQuery {
  /** Where the transaction is found; absent for a job outside any transaction, which counts as committed. */
  readonly database?: DatabaseLookup;
  /** Seconds that DTM waits for the answer. */
  readonly requestTimeout: number;
}

/** A prepared query in the form that travels: text of URL-safe characters, and its signature. */
export interface QueryToken {
  readonly token: string;
  readonly signature: string | undefined;
}

/** Seals a query for the job of `wireGid`. Names may have any characters, DTM's headers may not. */
export function sealQuery(wireGid: string, query: PreparedQuery, signature: CallbackSignature): QueryToken {
  const token = Buffer.from(JSON.stringify(query)).toString('base64url');
  return { token, signature: signature.sign('query', [wireGid, token]) };
}

/** The query of a token that has been checked; `undefined` for one that says nothing. */
export function openQuery(token: string): PreparedQuery | undefined {
  const query = parseJson(Buffer.from(token, 'base64url').toString()) as PreparedQuery | undefined;
  if (typeof query?.requestTimeout !== 'number') return undefined;
  const { database } = query;
  const isDatabase =
    database === undefined ||
    (typeof database?.dataSource === 'string' && ['string', 'undefined'].includes(typeof database.tenant));
  return isDatabase ? query : undefined;
}
