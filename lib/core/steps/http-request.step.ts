import { HttpRequestError, InvalidOptionError } from '../../errors/index.js';
import type { StepContext, StepHandler } from './step-context.js';
import { defineStep } from './step.decorator.js';
import { parseDuration, type Duration } from '../duration.js';
import { checkedOption, durationOption, entriesOf, readOptions } from '../options.js';
import type { ArgumentsProblem } from './step-definition.js';

/**
 * Arguments of `HttpRequestStep`. They are stored with the job: put no secrets into them that the database
 * may not keep.
 *
 * @publicApi
 */
export interface HttpRequestArguments {
  /** An absolute `http:` or `https:` URL without user name and password. */
  readonly url: string;
  /**
   * The HTTP method, in any case. `GET` and `HEAD` take no body.
   *
   * @default 'POST' with a body, else 'GET'
   */
  readonly method?: string;
  /**
   * Headers of the request. `Idempotency-Key` and, for JSON, `Content-Type` are added where they are
   * missing.
   */
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent as it is; any other JSON value is sent as `application/json`. */
  readonly body?: unknown;
  /**
   * The longest time to wait for the answer.
   *
   * @default '30s'
   */
  readonly timeout?: Duration;
}

const DEFAULT_TIMEOUT: Duration = '30s';
/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** `fetch` refuses them. */
const FORBIDDEN_METHODS: readonly string[] = ['CONNECT', 'TRACE', 'TRACK'];
const BODILESS_METHODS: readonly string[] = ['GET', 'HEAD'];

/** The method in upper case: `fetch` itself does so with the common ones only. */
export function methodOf({ method, body }: HttpRequestArguments): string {
  return method?.toUpperCase() ?? (body === undefined ? 'GET' : 'POST');
}

const OPTIONS = {
  url: (url: unknown, option: string) => {
    if (isUrl(url)) return;
    throw new InvalidOptionError(
      option,
      undefined,
      'an absolute http: or https: URL without user name and password',
    );
  },
  method: checkedOption(
    (value) =>
      typeof value === 'string' && TOKEN.test(value) && !FORBIDDEN_METHODS.includes(value.toUpperCase()),
    'an HTTP method that fetch() sends, such as POST, PUT or DELETE',
  ),
  headers: (headers: unknown, option: string) => {
    const wrong = entriesOf(headers, option).find(([name, value]) => !canSend(name, value));
    if (wrong)
      throw new InvalidOptionError(`${option}[${JSON.stringify(wrong[0])}]`, undefined, 'a valid header');
  },
  body: (body: unknown) => body,
  timeout: durationOption(DEFAULT_TIMEOUT, { min: 1 }),
};

/** Finds what `fetch` would refuse each time the step runs. Reasons never repeat values, which may be secret. */
export function checkHttpRequest(args: unknown): ArgumentsProblem | undefined {
  try {
    readOptions(args, 'args', OPTIONS);
  } catch (error) {
    const { option, expected } = error as InvalidOptionError;
    return { path: option, reason: `must be ${expected}.` };
  }
  const method = methodOf(args as HttpRequestArguments);
  return BODILESS_METHODS.includes(method) && (args as HttpRequestArguments).body !== undefined
    ? { path: 'args.method', reason: `cannot be ${method} in a request with a body.` }
    : undefined;
}

function isUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return ['http:', 'https:'].includes(protocol) && username === '' && password === '';
}

function canSend(name: string, value: unknown): boolean {
  if (value === undefined) return true;
  try {
    new Headers().set(name, value as string);
    return typeof value === 'string';
  } catch {
    return false;
  }
}

/**
 * Sends an HTTP request. Every 2xx answer is a success; redirects are followed. Any other answer, and none
 * within `timeout`, throws `HttpRequestError`, so that the step is repeated as its retry policy says, also
 * after a 4xx.
 *
 * The idempotency key of the step goes out as the `Idempotency-Key` header, unless `headers` has one.
 *
 * @publicApi
 */
export class HttpRequestStep implements StepHandler<HttpRequestArguments> {
  async execute(args: HttpRequestArguments, context: StepContext): Promise<void> {
    const method = methodOf(args);
    const target = targetOf(args.url);
    const timeout = parseDuration(args.timeout ?? DEFAULT_TIMEOUT, 'timeout', { min: 1 });
    const timer = new AbortController();
    const timerRef = setTimeout(() => timer.abort(), timeout);
    try {
      const response = await fetch(args.url, {
        method,
        headers: headersOf(args, context),
        body: bodyOf(args),
        signal: AbortSignal.any([context.signal, timer.signal]),
      });
      // An answer that is not read keeps its connection busy.
      await response.body?.cancel();
      if (!response.ok)
        throw new HttpRequestError(method, target, `status ${response.status}`, response.status);
    } catch (error) {
      if (error instanceof HttpRequestError) throw error;
      context.signal.throwIfAborted();
      const problem = timer.signal.aborted ? `no answer within ${timeout} ms` : networkProblem(error);
      throw new HttpRequestError(method, target, problem, undefined, { cause: error });
    } finally {
      clearTimeout(timerRef);
    }
  }
}

// Not @Step(): the arguments are checked without class-validator.
defineStep(HttpRequestStep, { name: 'stepping.http-request' }, checkHttpRequest);

function headersOf({ headers, body }: HttpRequestArguments, context: StepContext): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers ?? {})) result.set(name, value);
  if (!result.has('Idempotency-Key')) result.set('Idempotency-Key', context.idempotencyKey);
  if (body !== undefined && typeof body !== 'string' && !result.has('Content-Type')) {
    result.set('Content-Type', 'application/json');
  }
  return result;
}

function bodyOf({ body }: HttpRequestArguments): string | undefined {
  return body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
}

/** Host and path: the query and credentials may be secret. */
function targetOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/** `fetch` says "fetch failed" and hides the reason in the cause. */
function networkProblem(error: unknown): string {
  const { message, cause } = error as { message?: unknown; cause?: { code?: unknown } };
  return typeof cause?.code === 'string' ? cause.code : String(message);
}
