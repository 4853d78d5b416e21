import type { ServerResponse } from 'node:http';
import type { HttpRequest } from './http-request.js';

/** The parts of Fastify's reply that are used here. */
interface FastifyReply {
  readonly raw: ServerResponse;
  code(status: number): unknown;
  header(name: string, value: string | number): unknown;
  send(body?: Buffer): unknown;
}

export type HttpHeaders = Readonly<Record<string, string | number>>;

/** For every answer: the dashboard stands in no frame, tells nobody where it is, and is read by no other site. */
const SECURITY_HEADERS: HttpHeaders = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/**
 * Sends an answer through the framework, so that what the application does with all answers, such as renewing the cookie of a session, is done. Its
 * headers win over those of the application.
 */
export function reply(
  request: HttpRequest,
  response: unknown,
  status: number,
  headers: HttpHeaders,
  body?: Buffer,
): void {
  const all = Object.entries({ ...SECURITY_HEADERS, ...headers, ...lengthOf(body), ...endOf(request) });
  if (isFastify(response)) {
    response.code(status);
    for (const [name, value] of all) response.header(name, value);
    response.send(body);
    return;
  }
  const plain = response as ServerResponse;
  plain.statusCode = status;
  for (const [name, value] of all) plain.setHeader(name, value);
  plain.end(body);
}

function isFastify(response: unknown): response is FastifyReply {
  return typeof (response as Partial<FastifyReply>).send === 'function' && 'raw' in (response as object);
}

function lengthOf(body: Buffer | undefined): HttpHeaders {
  return body === undefined ? {} : { 'content-length': body.length };
}

/** A connection with a body that nobody reads is of no further use. */
function endOf({ raw }: HttpRequest): HttpHeaders {
  return raw.method === 'POST' && !raw.complete && raw.httpVersionMajor < 2 ? { connection: 'close' } : {};
}
