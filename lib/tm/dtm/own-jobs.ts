import { callbackAddresses, type CallbackAddresses } from './callback-addresses.js';
import type { CallbackSignature } from './callback-signature.js';
import type { DtmBranch, DtmTransaction } from './dtm-job.js';
import type { DtmRequest } from './dtm.client.js';
import type { ResolvedDtmOptions } from './dtm.options.js';
import { parseJson } from './json.js';
import { openQuery, type PreparedQuery } from './query-token.js';

/** Tells the jobs of this application from those of other services at the same DTM server. */
export class OwnJobs {
  private readonly addresses: CallbackAddresses;

  constructor(
    options: ResolvedDtmOptions,
    private readonly signature: CallbackSignature,
  ) {
    this.addresses = callbackAddresses(options);
  }

  /**
   * Where the transaction of a job is found. Undefined for a job that is not ours: its query goes elsewhere, or bears no
   * signature of ours.
   */
  queryOf(transaction: DtmTransaction): PreparedQuery | undefined {
    const { gid, trans_type: type, query_prepared: address = '' } = transaction;
    const options = parseJson(transaction.options ?? '') as Partial<DtmRequest> | undefined;
    const sent = this.addresses.tokenOf({ address, headers: options?.branch_headers ?? {} });
    if (type !== 'msg' || !sent) return undefined;
    const query = openQuery(gid, sent.token, sent.signature, this.signature);
    return typeof query === 'string' ? undefined : query;
  }

  /** Whether a branch is a step that DTM calls here. */
  isStep({ url }: DtmBranch): boolean {
    return url === this.addresses.step;
  }
}
