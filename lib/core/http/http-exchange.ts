import http, { type Agent, type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';

/** A request as it goes out. */
export interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

export interface HttpTransport {
  readonly agent: Agent | undefined;
  readonly lookup: LookupFunction | undefined;
  /** Bounds the exchange in time. */
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly location: string | undefined;
  /** The beginning of the body, where the status is no success; else empty. */
  readonly text: string;
}

/** Enough for what errors tell. */
const MAX_ANSWER_BYTES = 4096;
const MAX_HEADER_BYTES = 16 * 1024;

/**
 * Sends one request, and takes of the answer what is needed: after a success nobody reads the body, else a few kilobytes of it. Compressed
 * bodies are not asked for, and not unpacked.
 */
export function exchange(request: HttpRequest, transport: HttpTransport): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const sent = begin(request, transport);
    let answered = false;
    sent.on('response', (response) => {
      answered = true;
      void answerOf(response).then(resolve, reject);
    });
    sent.on('error', (error) => answered || reject(error));
    // Also after an answer that asks for another protocol.
    sent.on('close', () => answered || reject(new Error('the connection was closed before the answer')));
    sent.end(request.body);
  });
}

function begin({ url, method, headers }: HttpRequest, transport: HttpTransport): ClientRequest {
  const { protocol, hostname, port, pathname, search } = url;
  const { agent, lookup, signal } = transport;
  return (protocol === 'https:' ? https : http).request({
    protocol,
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(port !== '' && { port }),
    path: pathname + search,
    method,
    headers,
    // One that is kept alive may be closed by the server at the very moment, and would cost an attempt.
    agent: agent ?? false,
    ...(lookup && { lookup }),
    maxHeaderSize: MAX_HEADER_BYTES,
    signal,
  });
}

async function answerOf(response: IncomingMessage): Promise<HttpAnswer> {
  const { statusCode: status = 0, headers } = response;
  const { location } = headers;
  try {
    if (status >= 200 && status < 300) return { status, location, text: '' };
    return { status, location, text: await beginningOf(response) };
  } finally {
    response.destroy();
  }
}

async function beginningOf(response: IncomingMessage): Promise<string> {
  const encoding = response.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') return '';
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MAX_ANSWER_BYTES) break;
    }
  } catch {
    // The status says what happened, and more will not come.
  }
  return Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString();
}
