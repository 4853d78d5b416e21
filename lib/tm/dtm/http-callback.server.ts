import type { IncomingMessage, ServerResponse } from 'node:http';
import { LineLogger } from '../../core/line-logger.js';
import type { AbstractHttpAdapter, ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { errorText } from '../../errors/error-text.js';
import { CallbackServer } from './callback-server.js';
import { HTTP_QUERY_PATH, HTTP_STEP_PATH, QUERY_SIGNATURE, QUERY_TOKEN } from './callback-addresses.js';
import type { CallbackAnswer } from './dtm-callback.js';
import type { DtmCallbacks } from './dtm-callbacks.js';
import type { ResolvedDtmOptions } from './dtm.options.js';

const STATUS: Readonly<Record<CallbackAnswer, number>> = {
  success: 200,
  failure: 409,
  ongoing: 425,
  error: 500,
  unauthenticated: 401,
  invalid: 400,
  refused: 403,
  tooLarge: 413,
  late: 408,
  crowded: 429,
};
const METHOD_NOT_ALLOWED = 405;

/** The parts of an Express application that are used here. */
interface ExpressLike {
  handle(request: IncomingMessage, response: ServerResponse, next?: unknown): unknown;
}

/** The parts of a Fastify instance that are used here. */
interface FastifyLike {
  addHook(
    name: 'onRequest',
    hook: (
      request: { readonly raw: IncomingMessage },
      reply: { readonly raw: ServerResponse; hijack(): unknown },
      done: () => void,
    ) => void,
  ): unknown;
}

/**
 * Answers DTM's calls over HTTP, on the server of the application.
 *
 * It stands in front of everything else there: a signature is checked over the bytes that arrive, and a body parser would
 * take those apart for anybody. The paths are compared exactly, so that a rule of a proxy for them holds.
 */
export class HttpCallbackServer extends CallbackServer {
  private readonly logger = new LineLogger('DtmCallbacks');
  private paths: { readonly step: string; readonly query: string } | undefined;

  constructor(
    private readonly options: ResolvedDtmOptions,
    private readonly callbacks: DtmCallbacks,
    private readonly host: HttpAdapterHost,
    private readonly config: ApplicationConfig,
  ) {
    super();
  }

  /** Does nothing in an application without an HTTP server, which only starts jobs. */
  async start(): Promise<void> {
    const adapter = this.host.httpAdapter as AbstractHttpAdapter | undefined;
    if (!adapter || this.paths) return;
    const base = this.basePath();
    this.paths = { step: `${base}/${HTTP_STEP_PATH}`, query: `${base}/${HTTP_QUERY_PATH}` };
    if (adapter.getType() === 'fastify') this.attachToFastify(adapter.getInstance<FastifyLike>());
    else this.attachToExpress(adapter.getInstance<ExpressLike>());
  }

  /** The server is the application's, which closes it. */
  async stop(): Promise<void> {}

  /** Express looks its method up with each request, so this also works for several servers of one application. */
  private attachToExpress(instance: ExpressLike): void {
    const handle = instance.handle;
    instance.handle = (request, response, next) => {
      if (!this.take(request, response)) handle.call(instance, request, response, next);
    };
  }

  private attachToFastify(instance: FastifyLike): void {
    instance.addHook('onRequest', ({ raw: request }, reply, done) => {
      if (!this.take(request, reply.raw)) return done();
      reply.hijack();
    });
  }

  /** The path of the callbacks, with the global prefix unless that leaves them out. */
  private basePath(): string {
    const prefix = this.config.getGlobalPrefix().replace(/^\/+|\/+$/g, '');
    const path = `/${this.options.callbackPath}`;
    const { exclude = [] } = this.config.getGlobalPrefixOptions();
    const excluded = exclude.some(({ pathRegex }) => pathRegex.test(`${path}/${HTTP_STEP_PATH}`));
    return prefix === '' || excluded ? path : `/${prefix}${path}`;
  }

  /** Whether a request is a callback, which is answered then. */
  private take(request: IncomingMessage, response: ServerResponse): boolean {
    const url = request.url ?? '';
    const end = url.indexOf('?');
    const path = end === -1 ? url : url.slice(0, end);
    const { step, query } = this.paths!;
    if (path !== step && path !== query) return false;
    const method = path === step ? 'POST' : 'GET';
    if (request.method !== method)
      respond(request, response, METHOD_NOT_ALLOWED, 'invalid', { allow: method });
    else void this.answer(request, response, path === step, end === -1 ? '' : url.slice(end + 1));
    return true;
  }

  private async answer(
    request: IncomingMessage,
    response: ServerResponse,
    isStep: boolean,
    search: string,
  ): Promise<void> {
    let answer: CallbackAnswer | 'gone';
    try {
      const parameters = new URLSearchParams(search);
      const call = callOf(parameters);
      answer = await (isStep
        ? this.callbacks.step({
            call,
            source: request,
            trace: [request.headers['traceparent'], request.headers['tracestate']],
          })
        : this.callbacks.query({
            ...call,
            token: only(parameters, QUERY_TOKEN),
            signature: only(parameters, QUERY_SIGNATURE),
          }));
    } catch (error) {
      this.logger.error(`A callback of DTM could not be answered: ${errorText(error)}`);
      answer = 'error';
    }
    if (answer !== 'gone') respond(request, response, STATUS[answer], answer);
  }
}

function callOf(parameters: URLSearchParams) {
  return {
    gid: only(parameters, 'gid'),
    transType: only(parameters, 'trans_type'),
    branchId: only(parameters, 'branch_id'),
    op: only(parameters, 'op'),
  };
}

/** The value of a parameter that is there once. */
function only(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name);
  return values.length === 1 ? values[0] : undefined;
}

/**
 * The body holds only the answer: DTM looks for `FAILURE` and `ONGOING` in every body, whatever the status, and would
 * find them in the text of an error. A connection with a body that nobody reads is of no further use.
 */
function respond(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  answer: CallbackAnswer,
  headers: Readonly<Record<string, string>> = {},
): void {
  const close = !request.complete && request.httpVersionMajor < 2;
  const body = JSON.stringify({ dtm_result: answer });
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(close && { connection: 'close' }),
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
