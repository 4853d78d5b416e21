import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Runs a function outside every `AsyncLocalStorage` of the caller.
 *
 * Timers, claims and submits are often set off by a request. Without this, jobs would run with the user, the tenant
 * and the transaction of that request, for as long as the process lives.
 */
export const detached: <R>(work: () => R) => R = AsyncLocalStorage.snapshot();

/** The result of `work`, or `undefined` when it takes longer than `milliseconds`. The work itself goes on. */
export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
