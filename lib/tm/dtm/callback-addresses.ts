import type { ResolvedDtmOptions } from './dtm.options.js';
import type { QueryToken } from './query-token.js';

/** The addresses that a job gives DTM to call back. */
export type CallbackAddresses = ReturnType<typeof callbackAddresses>;

/** Names of the query parameters and, in lower case, of the gRPC metadata. */
export const QUERY_TOKEN = 'stepping-query';
export const QUERY_SIGNATURE = 'stepping-signature';

export const GRPC_SERVICE = 'stepping.Callbacks';
export const HTTP_STEP_PATH = 'step';
export const HTTP_QUERY_PATH = 'query-prepared';

/** What DTM keeps of the address and the headers of a query. */
export interface StoredQuery {
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
}

export function callbackAddresses({ protocol, callback, callbackPath }: ResolvedDtmOptions) {
  return protocol === 'http' ? httpAddresses(`${callback}/${callbackPath}`) : grpcAddresses(callback);
}

/** HTTP: the token is part of the address. In a header it would also go to the endpoints of other people. */
function httpAddresses(base: string) {
  const query = `${base}/${HTTP_QUERY_PATH}?`;
  return {
    step: `${base}/${HTTP_STEP_PATH}`,
    query: ({ token, signature }: QueryToken): StoredQuery => {
      const parameters = new URLSearchParams({ [QUERY_TOKEN]: token });
      if (signature !== undefined) parameters.set(QUERY_SIGNATURE, signature);
      return { address: query + parameters.toString(), headers: {} };
    },
    /** The token of a query that comes here; undefined for any other. */
    tokenOf: ({ address }: StoredQuery): QueryToken | undefined => {
      if (!address.startsWith(query)) return undefined;
      const parameters = new URLSearchParams(address.slice(query.length));
      return tokenIn((name) => parameters.get(name) ?? undefined);
    },
  };
}

/** gRPC: an address is a method and nothing else, so the token is a header of the job. */
function grpcAddresses(callback: string) {
  const query = `${callback}/${GRPC_SERVICE}/QueryPrepared`;
  return {
    step: `${callback}/${GRPC_SERVICE}/Step`,
    query: ({ token, signature }: QueryToken): StoredQuery => ({
      address: query,
      headers: { [QUERY_TOKEN]: token, ...(signature !== undefined && { [QUERY_SIGNATURE]: signature }) },
    }),
    tokenOf: ({ address, headers }: StoredQuery): QueryToken | undefined =>
      address === query ? tokenIn((name) => headers[name]) : undefined,
  };
}

/** Anybody may have written them, as anything. */
function tokenIn(read: (name: string) => unknown): QueryToken | undefined {
  const [token, signature] = [read(QUERY_TOKEN), read(QUERY_SIGNATURE)];
  if (typeof token !== 'string') return undefined;
  return { token, signature: typeof signature === 'string' ? signature : undefined };
}
