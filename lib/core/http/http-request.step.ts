import { Inject } from '@nestjs/common';
import { HttpRequestError } from '../../errors/index.js';
import { withoutData } from '../../errors/data-in-errors.js';
import { parseDuration } from '../duration.js';
import { withoutTexts } from '../hidden-texts.js';
import { formsOf } from '../secret-forms.js';
import { workingTime } from '../working-time.js';
import type { StepContext, StepHandler } from '../steps/step-context.js';
import { defineStep } from '../steps/step.decorator.js';
import { exchange, type HttpAnswer, type HttpRequest } from './http-exchange.js';
import { HTTP_OPTIONS, readHttpOptions, type ResolvedHttpOptions } from './http-options.js';
import { checkHttpRequest, isHeader, methodOf, type HttpRequestArguments } from './http-request.arguments.js';
import { hiddenParts, shownUrl } from './shown-url.js';

const MAX_REDIRECTS = 5;
/** Characters of an answer that its error tells. */
const MAX_ANSWER_LENGTH = 500;
/** They say what the body is. */
const HARMLESS_HEADERS: readonly string[] = ['content-type', 'accept'];

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** After the others, clients send GET without the body. */
const KEEPING_REDIRECTS: readonly number[] = [307, 308];
const SAFE_METHODS: readonly string[] = ['GET', 'HEAD'];

/**
 * Sends an HTTP request. Every 2xx answer is a success. Any other answer, and none within the time-out, throws
 * `HttpRequestError`, so that the step is repeated as its retry policy says, also after a 4xx. A redirect is such an answer too, unless
 * `redirect: 'follow'` says otherwise.
 *
 * A subclass with a name of its own (`@Step('tell-partner')`) checks its arguments and keeps to the options of the module as this one does.
 *
 * The idempotency key of the step goes out as the `Idempotency-Key` header, unless `headers` has one. The option `http` of the module says where requests
 * may go, and where secret header values come from.
 *
 * @publicApi
 */
export class HttpRequestStep implements StepHandler<HttpRequestArguments> {
  /** @internal Made by the module. */
  constructor(private readonly options: ResolvedHttpOptions = readHttpOptions()) {}

  async execute(args: HttpRequestArguments, context: StepContext): Promise<void> {
    const { timeout = this.options.timeout } = args;
    const timer = new AbortController();
    const milliseconds = parseDuration(timeout, 'timeout', { min: 1 });
    const endTimeout = workingTime(milliseconds, () => timer.abort());
    const request = new Sending(args, context, this.options, timer.signal);
    try {
      await request.run();
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof HttpRequestError) throw error;
      const late = timer.signal.aborted ? `no answer within ${milliseconds} ms` : undefined;
      throw request.failure(late ?? problemOf(error), undefined, withoutData(error));
    } finally {
      endTimeout();
    }
  }
}

// Not @Step(): the arguments are checked without class-validator.
defineStep(HttpRequestStep, { name: 'stepping.http-request' }, checkHttpRequest);
// A subclass without a constructor of its own gets them as well.
Inject(HTTP_OPTIONS)(HttpRequestStep, undefined, 0);

/** One attempt, with its redirects. */
class Sending {
  private readonly method: string;
  private readonly body: Buffer | undefined;
  private readonly signal: AbortSignal;
  private url: URL;
  /** What no error may repeat, although the answer may. */
  private readonly hidden: string[];

  constructor(
    private readonly args: HttpRequestArguments,
    private readonly context: StepContext,
    private readonly options: ResolvedHttpOptions,
    timer: AbortSignal,
  ) {
    this.method = methodOf(args);
    this.body = bodyOf(args);
    this.signal = AbortSignal.any([context.signal, timer]);
    this.url = new URL(args.url);
    this.hidden = hiddenParts(this.url);
  }

  async run(): Promise<void> {
    const headers = await this.headers();
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.send({ url: this.url, method: this.method, headers, body: this.body });
      if (answer.status >= 200 && answer.status < 300) return;
      this.url = this.next(answer, redirects);
    }
  }

  failure(problem: string, answer?: HttpAnswer, cause?: unknown): HttpRequestError {
    const text = answer && this.shown(answer.text);
    return new HttpRequestError(this.method, shownUrl(this.url), problem, {
      status: answer?.status,
      answer: text,
      cause,
    });
  }

  private send(request: HttpRequest): Promise<HttpAnswer> {
    const { allowedHosts, agent } = this.options;
    this.signal.throwIfAborted();
    allowedHosts?.check(request.url);
    return exchange(request, {
      agent: typeof agent === 'function' ? agent(request.url) : agent,
      lookup: allowedHosts?.lookup,
      signal: this.signal,
    });
  }

  /** Where the request is sent next. Throws for an answer that is the last one. */
  private next(answer: HttpAnswer, redirects: number): URL {
    const { status, location } = answer;
    const problem = `status ${status}`;
    if (!REDIRECTS.includes(status)) throw this.failure(problem, answer);
    const target =
      location !== undefined && URL.canParse(location, this.url.href) && new URL(location, this.url);
    if (!target) throw this.failure(`${problem}, a redirect to nowhere`, answer);
    this.hidden.push(location, ...hiddenParts(target));
    const refuse = (reason: string): never => {
      throw this.failure(`${problem}, a redirect to ${shownUrl(target)}${reason}`, answer);
    };
    if (this.args.redirect !== 'follow') refuse('');
    if (target.origin !== this.url.origin) refuse(', which is another origin');
    if (!SAFE_METHODS.includes(this.method) && !KEEPING_REDIRECTS.includes(status)) {
      refuse(`, which would turn ${this.method} into GET and drop the body`);
    }
    if (redirects === MAX_REDIRECTS) refuse(`, after ${MAX_REDIRECTS} others`);
    return target;
  }

  private async headers(): Promise<Record<string, string>> {
    const headers: Record<string, string> = {
      accept: '*/*',
      // As that of fetch(): some servers refuse requests without one.
      'user-agent': 'node',
      'idempotency-key': this.context.idempotencyKey,
      ...(this.body && {
        'content-type': typeof this.args.body === 'string' ? 'text/plain;charset=UTF-8' : 'application/json',
        'content-length': String(this.body.length),
      }),
    };
    for (const [given, value] of Object.entries(this.args.headers ?? {})) {
      if (value === undefined) continue;
      const name = given.toLowerCase();
      const text = typeof value === 'string' ? value : await this.secret(name, value.secret);
      if (!HARMLESS_HEADERS.includes(name)) this.hidden.push(text);
      headers[name] = text;
    }
    return headers;
  }

  private async secret(header: string, name: string): Promise<string> {
    const { secrets } = this.options;
    if (!secrets)
      throw this.failure(`the secret '${name}' is not known: the option 'http.secrets' is not set`);
    const text: unknown = await this.inTime(async () => secrets(name)).catch((error: unknown) => {
      this.signal.throwIfAborted();
      throw this.failure(`the secret '${name}' could not be looked up`, undefined, error);
    });
    if (typeof text === 'string' && text !== '' && isHeader(header, text)) return text;
    throw this.failure(`the secret '${name}' is not a text that can be sent as a header`);
  }

  private async inTime<T>(work: () => Promise<T>): Promise<T> {
    const { signal } = this;
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason as Error);
      signal.addEventListener('abort', abort, { once: true });
      void work()
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', abort));
    });
  }

  /** Servers like to repeat what they have been sent, or parts of it. */
  private shown(text: string): string {
    return withoutTexts(text, this.hidden.flatMap(formsOf), MAX_ANSWER_LENGTH);
  }
}

function bodyOf({ body }: HttpRequestArguments): Buffer | undefined {
  if (body === undefined) return undefined;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** Errors of networks are known by their codes. */
function problemOf(error: unknown): string {
  const { message, code } = error as { message?: unknown; code?: unknown };
  return typeof code === 'string' ? code : String(message);
}
