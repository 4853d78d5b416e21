import { StatementTimeoutError } from '../../errors/index.js';

/**
 * The result of `work`; after `milliseconds` without one, `StatementTimeoutError`. The time is the process's own: a
 * connection that has fallen silent tells nothing.
 */
export function inTime<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // A blocked event loop sees the timer before an answer that came meanwhile: the sockets are read first.
    const late = () => setImmediate(() => reject(new StatementTimeoutError(milliseconds)));
    const timer = setTimeout(late, milliseconds);
    const settle =
      <V>(end: (value: V) => void) =>
      (value: V) => {
        clearTimeout(timer);
        end(value);
      };
    work.then(settle(resolve), settle(reject));
  });
}
