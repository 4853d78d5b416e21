import { InvalidOptionError } from '../../errors/index.js';
import { parseDuration, type Duration } from '../duration.js';
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
const KEYS: readonly string[] = ['url', 'method', 'headers', 'body', 'timeout'];
/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** `fetch` refuses them. */
const FORBIDDEN_METHODS: readonly string[] = ['CONNECT', 'TRACE', 'TRACK'];
const BODILESS_METHODS: readonly string[] = ['GET', 'HEAD'];

/** The method in upper case: `fetch` itself does so with the common ones only. */
export function methodOf({ method, body }: HttpRequestArguments): string {
  return method?.toUpperCase() ?? (body === undefined ? 'GET' : 'POST');
}

/** Milliseconds. */
export function timeoutOf({ timeout = DEFAULT_TIMEOUT }: HttpRequestArguments): number {
  return parseDuration(timeout, 'timeout', { min: 1 });
}

/** Finds what `fetch` would refuse each time the step runs. Reasons never repeat values, which may be secret. */
export function checkHttpRequest(args: unknown): ArgumentsProblem | undefined {
  if (typeof args !== 'object' || args === null || Array.isArray(args)) {
    return { path: 'args', reason: `must be an object with ${KEYS.join(', ')}.` };
  }
  const unknown = Object.keys(args).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    return { path: `args.${unknown}`, reason: `is unknown. Use ${KEYS.join(', ')}.` };
  }
  const request = args as HttpRequestArguments;
  return (
    problem('url', checkUrl(request.url)) ??
    problem('method', checkMethod(request)) ??
    checkHeaders(request.headers) ??
    problem('timeout', checkTimeout(request))
  );
}

function problem(key: string, reason: string | undefined): ArgumentsProblem | undefined {
  return reason === undefined ? undefined : { path: `args.${key}`, reason };
}

function checkUrl(url: unknown): string | undefined {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    return 'must be an absolute http: or https: URL.';
  }
  if (parsed.username !== '' || parsed.password !== '') {
    return 'must not hold a user name or password, which fetch() refuses. Use an Authorization header.';
  }
  return undefined;
}

function checkMethod(request: HttpRequestArguments): string | undefined {
  const { method, body } = request;
  if (method === undefined) return undefined;
  if (typeof method !== 'string' || !TOKEN.test(method) || FORBIDDEN_METHODS.includes(methodOf(request))) {
    return 'must be an HTTP method that fetch() sends, such as POST, PUT or DELETE.';
  }
  if (body !== undefined && BODILESS_METHODS.includes(methodOf(request))) {
    return `cannot be ${methodOf(request)} in a request with a body.`;
  }
  return undefined;
}

function checkHeaders(headers: unknown): ArgumentsProblem | undefined {
  if (headers === undefined) return undefined;
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    return { path: 'args.headers', reason: 'must be an object of texts.' };
  }
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    if (typeof value === 'string' && canSend(name, value)) continue;
    return { path: `args.headers[${JSON.stringify(name)}]`, reason: 'is not a valid header.' };
  }
  return undefined;
}

function canSend(name: string, value: string): boolean {
  try {
    new Headers().set(name, value);
    return true;
  } catch {
    return false;
  }
}

function checkTimeout(request: HttpRequestArguments): string | undefined {
  try {
    timeoutOf(request);
    return undefined;
  } catch (error) {
    return `must be ${(error as InvalidOptionError).expected}.`;
  }
}
