import { types } from 'node:util';
import { EventNotConfirmedError, SteppingError } from '../errors/index.js';
import { withoutData } from '../errors/data-in-errors.js';
import { errorText, propertyOf } from '../errors/error-text.js';
import { withoutUserInfo } from '../errors/printable.js';
import type { EventMessage } from './event-transport.js';

const MAX_PROBLEM_LENGTH = 500;

/** Work that nobody waits for after the signal. It may go on: what becomes of it then is of no interest. */
export async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** What a transport has thrown, as the attempt fails with it: errors of the library as they are, all others with the event that they are about. */
export function notConfirmed({ id, pattern }: Pick<EventMessage, 'id' | 'pattern'>, thrown: unknown): Error {
  if (thrown instanceof SteppingError) return thrown;
  const error = errorIn(thrown);
  const problem = problemOf(thrown);
  // One with a password in it is told by the problem alone.
  const isHarmless = types.isNativeError(error) && withoutUserInfo(errorText(error)) === errorText(error);
  return new EventNotConfirmedError(id, pattern, problem, {
    cause: isHarmless ? withoutData(error) : undefined,
  });
}

/** What is known of something thrown, in a few words. Clients reject with texts, with `undefined`, and with events. */
export function problemOf(thrown: unknown): string {
  const error = errorIn(thrown);
  const isReadable = typeof error === 'string' || typeof propertyOf(error, 'message') === 'string';
  const text = isReadable ? errorText(error, MAX_PROBLEM_LENGTH) : '';
  const shown = withoutUserInfo(text)
    .replace(/^Error: /, '')
    .replace(/\.$/, '');
  return shown === '' ? 'the client does not say why' : shown;
}

/** RabbitMQ's connection manager rejects with an event: the error, beside a URL with a password in it. */
function errorIn(thrown: unknown): unknown {
  return types.isNativeError(thrown) ? thrown : (propertyOf(thrown, 'err') ?? thrown);
}
