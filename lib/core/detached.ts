import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';

const outside: <R>(work: () => R) => R = AsyncLocalStorage.snapshot();

/**
 * Runs a function outside every `AsyncLocalStorage` of the caller.
 *
 * Timers, claims and submits are often set off by a request. Without this, jobs would run with the user, the tenant
 * and the transaction of that request, for as long as the process lives.
 */
export function detached<R>(work: () => R): R {
  return outside(() => isolated(work));
}

/**
 * Runs a function of the application in a context of its own, in which everything of the caller's can be read.
 *
 * What such a function enters (`AsyncLocalStorage.enterWith()`, as `startTransaction()` does with its guard) stays in the context
 * that it was called in. That of the library's own code is shared by many jobs.
 */
export function isolated<R>(work: () => R): R {
  return new AsyncResource('Stepping').runInAsyncScope(work);
}
