import { validateHeaderName, validateHeaderValue } from 'node:http';
import { InvalidOptionError } from '../../errors/index.js';
import type { Duration } from '../duration.js';
import { isName, NAME_RULE } from '../name.js';
import { checkedOption, durationOption, entriesOf, isRecord, readOptions } from '../options.js';
import type { ArgumentsProblem } from '../steps/step-definition.js';

/**
 * A header value that `http.secrets` looks up when the request is made, so that it is not stored with the job.
 *
 * @publicApi
 */
export interface HttpSecret {
  /** The name of the secret, which `http.secrets` gets. */
  readonly secret: string;
}

/**
 * Arguments of `HttpRequestStep`. They are stored with the job: give credentials as `{ secret: 'NAME' }`.
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
   * Headers of the request. `Idempotency-Key` and, with a body, `Content-Type` are added where they are missing. `Host` and
   * the headers that rule the connection and the length of the body are refused.
   */
  readonly headers?: Readonly<Record<string, string | HttpSecret>>;
  /** Text is sent as it is; any other JSON value is sent as `application/json`. */
  readonly body?: unknown;
  /**
   * The longest time that the request may take, with its redirects and the look-up of its secrets.
   *
   * @default `http.timeout` of the module, 30 s
   */
  readonly timeout?: Duration;
  /**
   * `'error'`: a redirect is a failed attempt, whose error names where it points. `'follow'`: redirects within the same
   * origin are followed, at most five, where method and body stay as they are: 307 and 308; with GET and HEAD also 301, 302 and 303.
   *
   * @default 'error'
   */
  readonly redirect?: 'error' | 'follow';
}

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** They are not about sending something to somebody. */
const FORBIDDEN_METHODS: readonly string[] = ['CONNECT', 'TRACE', 'TRACK'];
const BODILESS_METHODS: readonly string[] = ['GET', 'HEAD'];
/** Where the request goes, where it ends, and what becomes of its connection is not told by headers. */
const FORBIDDEN_HEADERS: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The method in upper case. */
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
    'an HTTP method such as POST, PUT or DELETE, other than CONNECT, TRACE and TRACK',
  ),
  headers: (headers: unknown, option: string) => {
    const names = new Set<string>();
    for (const [given, value] of entriesOf(headers, option)) {
      if (value === undefined) continue;
      const place = `${option}[${JSON.stringify(given)}]`;
      const name = given.toLowerCase();
      const expected = names.has(name)
        ? 'a name that is there once, in whatever case'
        : expectedOf(name, value);
      if (expected !== undefined) throw new InvalidOptionError(place, undefined, expected);
      names.add(name);
    }
  },
  body: (body: unknown) => body,
  timeout: durationOption(1, { min: 1 }),
  redirect: checkedOption((value) => value === 'error' || value === 'follow', "'error' or 'follow'"),
};

/** Finds what would be refused each time the step runs. Reasons never repeat values, which may be secret. */
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

/** What a header must be, if it is something else. */
function expectedOf(name: string, value: unknown): string | undefined {
  if (FORBIDDEN_HEADERS.has(name))
    return 'left out: it follows from the URL and the body, or is set by Node.js';
  if (isRecord(value)) {
    const { secret, ...others } = value;
    if (isName(secret) && Object.keys(others).length === 0) return undefined;
    return `{ secret: 'NAME' } with ${NAME_RULE}`;
  }
  return typeof value === 'string' && isHeader(name, value) ? undefined : 'a valid header';
}

/** Whether Node.js sends the header: in particular, it begins no other header and no other request. */
export function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}
