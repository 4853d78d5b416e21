import { AsyncLocalStorage } from 'node:async_hooks';

const refused = new AsyncLocalStorage<true>();

/** Runs work of a transaction that is open: keys are not asked for meanwhile, since its locks would wait for whoever keeps them. */
export function withoutKeyRequests<T>(work: () => T): T {
  return refused.run(true, work);
}

/** Whether keys may be asked for here. */
export function mayRequestKeys(): boolean {
  return refused.getStore() === undefined;
}
