import { readRefusal, type DtmAnswer } from './dtm.client.js';
import { parseJson } from './json.js';
import { shownAnswer } from './shown-answer.js';

/** The most that is read of an answer that only has a result. */
export const RESULT_BYTES = 64 * 1024;
/** The most that is read of an answer with jobs. The payloads of one, 4 MiB at most, may be in it twice: escaped, and in base64. */
export const JOBS_BYTES = 32 * 1024 * 1024;

/** An answer of DTM's HTTP API: an object in JSON, whatever it says. */
export interface HttpAnswer {
  readonly status: number;
  readonly content: Readonly<Record<string, unknown>>;
}

/** Something has answered that is not DTM, so that nobody knows whether anything was done. */
export class ForeignAnswerError extends Error {
  override readonly name = 'ForeignAnswerError';
}

/** What is sent with each request. */
type Headers = Readonly<Record<string, string>>;

/**
 * Sends one request to DTM's HTTP API: a POST with a body, a GET without. No redirect is followed: it would carry the
 * arguments of jobs, and the headers, to somebody else.
 *
 * @param limits Milliseconds until the answer has been read, and how long it may be.
 * @throws ForeignAnswerError; Error for no answer.
 */
export async function sendToDtm(
  url: string,
  headers: Headers,
  { timeout, maxBytes }: { readonly timeout: number; readonly maxBytes: number },
  body?: object,
): Promise<HttpAnswer> {
  const post = body && {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  const signal = AbortSignal.timeout(timeout);
  const response = await fetch(url, { headers, ...post, redirect: 'manual', signal });
  const { status } = response;
  if (status >= 300 && status < 400) {
    void response.body?.cancel().catch(() => undefined);
    throw new ForeignAnswerError(`it answers with status ${status}${targetOf(response, headers, body)}`);
  }
  const content = parseJson(await textOf(response, maxBytes));
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw notDtm(status);
  return { status, content: content as HttpAnswer['content'] };
}

/**
 * What came of a request that only has a result. DTM says so itself: a proxy, or a page for logging in, may answer with
 * status 200 as well.
 *
 * @throws ForeignAnswerError.
 */
export function resultOf({ status, content }: HttpAnswer, headers: Headers, body?: object): DtmAnswer {
  const { dtm_result: result, message = '' } = content;
  if (status === 200 && result === 'SUCCESS') return { kind: 'done' };
  const isRefusal = result === 'FAILURE' || result === 'ONGOING';
  // DTM's other errors have this status, and nothing but a message.
  const isError = status === 500 && content.message !== undefined;
  if (typeof message !== 'string' || !(isRefusal || isError)) throw notDtm(status);
  const shown = `${status} ${shownAnswer(message, headers, body)}`;
  return result === 'FAILURE' ? readRefusal(message, shown) : { kind: 'failed', message: shown };
}

async function textOf({ body }: Response, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  // Whoever leaves the loop ends the connection.
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > maxBytes) throw new ForeignAnswerError(`it answers with more than ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** For an answer that says nothing of what was asked for. */
export function notDtm(status: number): ForeignAnswerError {
  return new ForeignAnswerError(`what it answers, with status ${status}, is not an answer of DTM`);
}

/** Where a redirect leads, for a message: without the query, which may hold what was sent. */
function targetOf(response: Response, headers: Headers, body?: object): string {
  const location = response.headers.get('location') ?? '';
  const target = URL.canParse(location, response.url) ? new URL(location, response.url) : undefined;
  return target ? `, which leads to ${shownAnswer(target.origin + target.pathname, headers, body)}` : '';
}
