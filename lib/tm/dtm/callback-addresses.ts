import type { ResolvedDtmOptions } from './dtm.options.js';
import type { QueryToken } from './query-token.js';

/** The addresses that a job gives DTM to call back. */
export type CallbackAddresses = ReturnType<typeof callbackAddresses>;

/** Names of the query parameters and, in lower case, of the gRPC metadata. */
export const QUERY_TOKEN = 'stepping-query';
export const QUERY_SIGNATURE = 'stepping-signature';

export const GRPC_SERVICE = 'stepping.Callbacks';

export function callbackAddresses({ protocol, callback, callbackPath }: ResolvedDtmOptions) {
  return protocol === 'http' ? httpAddresses(`${callback}/${callbackPath}`) : grpcAddresses(callback);
}

/** HTTP: the token is part of the address. In a header it would also go to the endpoints of other people. */
function httpAddresses(base: string) {
  return {
    step: `${base}/step`,
    query: ({ token, signature }: QueryToken) => {
      const parameters = new URLSearchParams({ [QUERY_TOKEN]: token });
      if (signature !== undefined) parameters.set(QUERY_SIGNATURE, signature);
      return { address: `${base}/query-prepared?${parameters.toString()}`, headers: {} };
    },
  };
}

/** gRPC: an address is a method and nothing else, so the token is a header of the job. */
function grpcAddresses(callback: string) {
  return {
    step: `${callback}/${GRPC_SERVICE}/Step`,
    query: ({ token, signature }: QueryToken) => ({
      address: `${callback}/${GRPC_SERVICE}/QueryPrepared`,
      headers: { [QUERY_TOKEN]: token, ...(signature !== undefined && { [QUERY_SIGNATURE]: signature }) },
    }),
  };
}
