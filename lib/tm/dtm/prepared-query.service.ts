import { LineLogger } from '../../core/line-logger.js';
import { faultPoint } from '../../core/fault-point.js';
import { within } from '../../core/within.js';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import { errorText } from '../../errors/error-text.js';
import { UnresolvedTransactionError } from '../../errors/index.js';
import type { CallbackSignature } from './callback-signature.js';
import { openQuery, type PreparedQuery } from './query-token.js';
import { InvalidCalls } from './invalid-calls.js';
import { isCallFor, type CallbackAnswer, type DtmQueryCall } from './dtm-callback.js';
import { fromWireGid } from './wire-gid.js';

/**
 * Answers DTM's question how the transaction of a prepared job ended, from its barrier.
 *
 * Only a commit and a rollback are answers. Whatever else happens, DTM asks again.
 */
export class PreparedQueryService {
  private readonly logger = new LineLogger('DtmCallbacks');
  private readonly invalid = new InvalidCalls();

  constructor(
    private readonly databases: TypeOrmDatabases,
    private readonly signature: CallbackSignature,
  ) {}

  async answer(call: DtmQueryCall): Promise<CallbackAnswer> {
    const answer = await this.check(call);
    if (answer === 'invalid') this.invalid.report('query-back', call.gid);
    return answer;
  }

  private async check(call: DtmQueryCall): Promise<CallbackAnswer> {
    if (!isCallFor('msg', call) || typeof call.token !== 'string') return 'invalid';
    if (!this.signature.accepts('query', [call.gid, call.token], call.signature)) {
      this.logger.warn(
        `A query-back for job ${call.gid} was refused: its signature fits none of the secrets.`,
      );
      return 'unauthenticated';
    }
    const query = openQuery(call.token);
    return query ? this.ask(call.gid, query) : 'invalid';
  }

  /** Rows of the barrier are found under the gid that DTM uses, so that clients in other languages find them as well. */
  private async ask(wireGid: string, { database, requestTimeout }: PreparedQuery): Promise<CallbackAnswer> {
    if (!database) return 'success';
    const gid = fromWireGid(wireGid);
    try {
      // DTM stops waiting at its time-out, and then doubles the wait. So this answers early that it has no answer yet.
      const query = this.databases.queryPrepared(database, wireGid);
      const outcome = await within(requestTimeout * 500, query);
      await faultPoint('recovery:resolved', gid);
      if (outcome === undefined) return 'ongoing';
      return outcome === 'committed' ? 'success' : 'failure';
    } catch (error) {
      if (error instanceof UnresolvedTransactionError) return 'ongoing';
      this.logger.error(
        `DTM asked for the transaction of job ${gid}, and it could not be told: ${errorText(error)}`,
      );
      return 'error';
    }
  }
}
