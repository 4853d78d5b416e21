import { LineLogger } from '../../core/line-logger.js';
import { faultPoint } from '../../core/fault-point.js';
import { checkGid } from '../../core/jobs/gid.js';
import { errorText } from '../../errors/error-text.js';
import type { CallbackSignature } from './callback-signature.js';
import type { CallbackAnswer, CheckedCall, DtmQueryCall } from './dtm-callback.js';
import type { JobTransactions } from './job-transactions.js';
import { openQuery, type PreparedQuery } from './query-token.js';
import { fromWireGid } from './wire-gid.js';

/**
 * Answers DTM's question how the transaction of a prepared job ended, from its barrier.
 *
 * Only a commit and a rollback are answers. Whatever else happens, DTM asks again.
 */
export class PreparedQueryService {
  private readonly logger = new LineLogger('DtmCallbacks');

  constructor(
    private readonly transactions: JobTransactions,
    private readonly signature: CallbackSignature,
  ) {}

  async answer(call: DtmQueryCall & CheckedCall): Promise<CallbackAnswer> {
    if (typeof call.token !== 'string') return 'invalid';
    const query = openQuery(call.gid, call.token, call.signature, this.signature);
    return typeof query === 'string' ? query : this.ask(call.gid, query);
  }

  private async ask(wireGid: string, query: PreparedQuery): Promise<CallbackAnswer> {
    const gid = fromWireGid(wireGid);
    try {
      checkGid(gid);
      const outcome = await this.transactions.ofQuery({ gid: wireGid, ...query });
      await faultPoint('recovery:resolved', gid);
      if (outcome === undefined) return 'ongoing';
      return outcome === 'committed' ? 'success' : 'failure';
    } catch (error) {
      this.logger.error(
        `DTM asked for the transaction of job ${gid}, and it could not be told: ${errorText(error)}`,
      );
      return 'error';
    }
  }
}
