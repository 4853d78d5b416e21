import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Runs a function outside every `AsyncLocalStorage` of the caller.
 *
 * Timers, claims and submits are often set off by a request. Without this, jobs would run with the user, the tenant
 * and the transaction of that request, for as long as the process lives.
 */
export const detached: <R>(work: () => R) => R = AsyncLocalStorage.snapshot();
