import { DtmClient, readRefusal, type DtmAnswer, type DtmMethod, type DtmMessage } from './dtm.client.js';
import type { ResolvedDtmOptions } from './dtm.options.js';
import { shownAnswer } from './shown-answer.js';

/** DTM over its HTTP API. */
export class HttpDtmClient extends DtmClient {
  constructor(private readonly options: ResolvedDtmOptions) {
    super(options.server);
  }

  protected async send(method: DtmMethod, timeout: number, request?: DtmMessage): Promise<DtmAnswer> {
    const url = `${this.server}/api/${method === 'ping' ? method : `dtmsvr/${method}`}`;
    try {
      const { status, text } = await sendToDtm(url, this.options.serverHeaders, timeout, request);
      return status === 200 ? { kind: 'done' } : readRefusal(`${status} ${text}`);
    } catch (error) {
      return { kind: 'unreachable', error };
    }
  }
}

/**
 * Sends one request to DTM's HTTP API: a POST with a body, a GET without.
 *
 * @returns the text as far as it is needed: whole with status 200, else what may be shown of it.
 */
export async function sendToDtm(
  url: string,
  headers: Readonly<Record<string, string>>,
  timeout: number,
  body?: object,
): Promise<{ status: number; text: string }> {
  const post = body && {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  const response = await fetch(url, { headers, ...post, signal: AbortSignal.timeout(timeout) });
  const { status } = response;
  const text = await response.text();
  return { status, text: status === 200 ? text : shownAnswer(text, headers, body) };
}
