import { HttpStatus } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { DashboardRequestError } from './dashboard.errors.js';
import type { HttpRequest } from './http-request.js';

const MAX_BYTES = 1024 * 1024;

/**
 * The JSON of a request. Where the application parses no bodies, it is read here, up to 1 MB.
 *
 * @throws DashboardRequestError for what is no JSON, or too long.
 */
export async function jsonBody(request: HttpRequest): Promise<unknown> {
  // Other types can be sent by the forms of any site.
  if (!/^application\/json\s*(?:;|$)/i.test(request.header('content-type'))) {
    throw refusal(HttpStatus.UNSUPPORTED_MEDIA_TYPE, 'Send JSON, with the content type application/json.');
  }
  const { raw, body } = request;
  // Parsers that leave a body alone may still put an empty object there.
  if (!raw.readableDidRead) return parsed(await bytesOf(raw));
  return typeof body === 'string' || Buffer.isBuffer(body) ? parsed(body) : body;
}

async function bytesOf(raw: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving a loop over the stream itself would end the connection before the answer.
  const arriving = raw.iterator({ destroyOnReturn: false });
  try {
    for await (const chunk of arriving as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAX_BYTES) break;
      chunks.push(chunk);
    }
  } catch {
    throw refusal(HttpStatus.BAD_REQUEST, 'The request has not arrived.');
  }
  if (length > MAX_BYTES) throw refusal(HttpStatus.PAYLOAD_TOO_LARGE, 'The request is longer than 1 MB.');
  return Buffer.concat(chunks);
}

function parsed(text: string | Buffer): unknown {
  try {
    return JSON.parse(text.toString()) as unknown;
  } catch {
    throw refusal(HttpStatus.BAD_REQUEST, 'The request is no JSON.');
  }
}

function refusal(status: HttpStatus, message: string): DashboardRequestError {
  return new DashboardRequestError(status, 'INVALID_REQUEST', message);
}
