import { DtmClient, readRefusal, type DtmAnswer } from './dtm.client.js';
import type { DtmRequest } from './dtm-request.js';

/** How much of an answer goes into a message. */
const MAX_TEXT = 500;

/** DTM over its HTTP API. */
export class HttpDtmClient extends DtmClient {
  constructor(
    readonly server: string,
    private readonly headers: Readonly<Record<string, string>>,
  ) {
    super();
  }

  async open(): Promise<void> {}
  close(): void {}

  prepare(request: DtmRequest, timeout: number): Promise<DtmAnswer> {
    return this.post('prepare', wireOf(request), timeout);
  }

  submit(request: DtmRequest, timeout: number): Promise<DtmAnswer> {
    return this.post('submit', wireOf(request), timeout);
  }

  abort(gid: string, timeout: number): Promise<DtmAnswer> {
    return this.post('abort', { gid, trans_type: 'msg' }, timeout);
  }

  ping(timeout: number): Promise<DtmAnswer> {
    return this.send(`${this.server}/api/ping`, {}, timeout);
  }

  private post(path: string, body: object, timeout: number): Promise<DtmAnswer> {
    const headers = { 'content-type': 'application/json' };
    return this.send(
      `${this.server}/api/dtmsvr/${path}`,
      { method: 'POST', headers, body: JSON.stringify(body) },
      timeout,
    );
  }

  private async send(url: string, init: RequestInit, timeout: number): Promise<DtmAnswer> {
    try {
      const headers = { ...this.headers, ...(init.headers as Record<string, string> | undefined) };
      const response = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(timeout) });
      const text = await response.text();
      if (response.status === 200) return { kind: 'done' };
      return readRefusal(`${response.status} ${text.slice(0, MAX_TEXT)}`);
    } catch (error) {
      return { kind: 'unreachable', error };
    }
  }
}

function wireOf({ gid, actions, payloads, queryPrepared, customData, options }: DtmRequest): object {
  return {
    gid,
    trans_type: 'msg',
    protocol: 'http',
    steps: actions.map((action) => ({ action })),
    payloads,
    query_prepared: queryPrepared,
    custom_data: customData,
    wait_result: options.waitResult,
    timeout_to_fail: options.timeoutToFail,
    retry_interval: options.retryInterval,
    request_timeout: options.requestTimeout,
    branch_headers: options.branchHeaders,
  };
}
