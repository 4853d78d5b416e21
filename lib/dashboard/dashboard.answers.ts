import { HttpException, HttpStatus } from '@nestjs/common';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { DashboardAction } from './api.js';
import type { DashboardGate, Purpose } from './dashboard.gate.js';
import { answerTo } from './error-answers.js';
import type { FewLines } from './few-lines.js';
import { reply, type HttpHeaders } from './http-reply.js';
import type { HttpRequest } from './http-request.js';
import { jsonBody } from './json-body.js';
import type { Mask } from './mask.js';
import { isKnown, page, tagOf } from './page.js';
import { demand, type Viewer } from './viewer.js';

const JSON_HEADERS: HttpHeaders = {
  'cache-control': 'no-store',
  'content-type': 'application/json; charset=utf-8',
};
/** Below this, compressing costs more than it saves. */
const MIN_GZIP_BYTES = 1024;

const compress = promisify(gzip);

/** Answers requests: who gets in, then the work, then its result or what went wrong. */
export class DashboardAnswers {
  constructor(
    private readonly gate: DashboardGate,
    private readonly log: FewLines,
    private readonly mask: Mask,
  ) {}

  async page(request: HttpRequest, response: unknown): Promise<void> {
    await this.answer(request, response, 'page', async () => {
      const { html, gzip: compressed, tag, policy } = page();
      const headers = {
        'cache-control': 'no-cache',
        'content-security-policy': policy,
        'x-robots-tag': 'noindex',
      };
      const type = { 'content-type': 'text/html; charset=utf-8' };
      this.send(request, response, { ...headers, ...tagged(tag) }, type, html, compressed);
    });
  }

  async read(
    request: HttpRequest,
    response: unknown,
    work: (viewer: Viewer) => Promise<unknown>,
  ): Promise<void> {
    await this.answer(request, response, 'read', async (viewer) =>
      this.sendJson(request, response, await work(viewer)),
    );
  }

  /** @param action What the viewer must be allowed to do; the body of others is not looked at. */
  async act(
    request: HttpRequest,
    response: unknown,
    action: DashboardAction,
    work: (body: unknown, viewer: Viewer) => Promise<unknown>,
  ): Promise<void> {
    await this.answer(request, response, 'act', async (viewer) => {
      demand(viewer, action);
      const result = Buffer.from(JSON.stringify(await work(await jsonBody(request), viewer)));
      reply(request, response, HttpStatus.OK, JSON_HEADERS, result);
    });
  }

  private async answer(
    request: HttpRequest,
    response: unknown,
    purpose: Purpose,
    work: (viewer: Viewer) => Promise<void>,
  ): Promise<void> {
    try {
      await work(await this.gate.enter(request, purpose));
    } catch (error) {
      // Nest's own are for the filters of the application.
      if (error instanceof HttpException) throw error;
      this.refuse(request, response, purpose, error);
    }
  }

  private refuse(request: HttpRequest, response: unknown, purpose: Purpose, error: unknown): void {
    const { status, answer } = answerTo(error, this.log, this.mask);
    const asText = purpose === 'page' && request.acceptsHtml;
    const headers = {
      ...JSON_HEADERS,
      ...(asText && { 'content-type': 'text/plain; charset=utf-8' }),
      ...(status === HttpStatus.UNAUTHORIZED && {
        'www-authenticate': 'Basic realm="Stepping", charset="UTF-8"',
      }),
    };
    reply(request, response, status, headers, Buffer.from(asText ? answer.message : JSON.stringify(answer)));
  }

  private async sendJson(request: HttpRequest, response: unknown, result: unknown): Promise<void> {
    const text = JSON.stringify(result);
    const body = Buffer.from(text);
    const { 'content-type': type, ...headers } = JSON_HEADERS;
    const compressed = body.length > MIN_GZIP_BYTES && request.acceptsGzip ? await compress(body) : undefined;
    this.send(
      request,
      response,
      { ...headers, ...tagged(tagOf(text)) },
      { 'content-type': type! },
      body,
      compressed,
    );
  }

  /** @param type Headers that only an answer with a body has. */
  private send(
    request: HttpRequest,
    response: unknown,
    headers: HttpHeaders,
    type: HttpHeaders,
    body: Buffer,
    compressed: Buffer | undefined,
  ): void {
    if (isKnown(String(headers['etag']), request.header('if-none-match'))) {
      return reply(request, response, HttpStatus.NOT_MODIFIED, headers);
    }
    const isCompressed = compressed !== undefined && request.acceptsGzip;
    const encoding: HttpHeaders = isCompressed ? { 'content-encoding': 'gzip' } : {};
    reply(
      request,
      response,
      HttpStatus.OK,
      { ...headers, ...type, ...encoding },
      isCompressed ? compressed : body,
    );
  }
}

function tagged(etag: string): HttpHeaders {
  return { etag, vary: 'Accept-Encoding' };
}
