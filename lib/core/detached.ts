import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Runs a function outside every `AsyncLocalStorage` of the caller.
 *
 * Timers, claims and the hand-over of jobs begin in some request's context. Without this, a job would run
 * with that request's user, tenant and, worst of all, transaction, for as long as the process lives.
 */
export const detached: <R>(work: () => R) => R = AsyncLocalStorage.snapshot();
