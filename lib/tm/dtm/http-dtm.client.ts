import { DtmClient, type DtmAnswer, type DtmMethod, type DtmMessage } from './dtm.client.js';
import type { ResolvedDtmOptions } from './dtm.options.js';
import { ForeignAnswerError, RESULT_BYTES, resultOf, sendToDtm } from './http-api.js';

/** DTM over its HTTP API. */
export class HttpDtmClient extends DtmClient {
  constructor(private readonly options: ResolvedDtmOptions) {
    super(options.server);
  }

  protected async send(method: DtmMethod, timeout: number, request?: DtmMessage): Promise<DtmAnswer> {
    const url = `${this.server}/api/${method === 'ping' ? method : `dtmsvr/${method}`}`;
    const { serverHeaders } = this.options;
    try {
      const answer = await sendToDtm(url, serverHeaders, { timeout, maxBytes: RESULT_BYTES }, request);
      const isPong = method === 'ping' && answer.status === 200 && answer.content.msg === 'pong';
      return isPong ? { kind: 'done' } : resultOf(answer, serverHeaders, request);
    } catch (error) {
      return { kind: error instanceof ForeignAnswerError ? 'foreign' : 'unreachable', error };
    }
  }
}
