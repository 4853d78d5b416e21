import { HttpRequestError } from '../../errors/index.js';
import {
  checkHttpRequest,
  methodOf,
  timeoutOf,
  type HttpRequestArguments,
} from './http-request.arguments.js';
import type { StepContext } from './step-context.js';
import type { StepHandler } from './step-handler.interface.js';
import { defineStep } from './step.decorator.js';

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
    const timeout = timeoutOf(args);
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
