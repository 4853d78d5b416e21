import type { JobStore } from '../store/job-store.js';

/** The store as one process sees it: its hold on it can be cut off. */
export interface SeverableStore {
  readonly store: JobStore;
  /** From now on nothing is written any more. */
  sever(reason: Error): void;
}

/**
 * Puts a store behind a handle that can be cut off. What was sent before is still done, as by a database whose
 * client has died.
 */
export function severable(target: JobStore): SeverableStore {
  let severed: Error | undefined;
  const store = new Proxy(target, {
    get(real, property) {
      const value: unknown = Reflect.get(real, property, real);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown =>
        severed
          ? afterDeath(property, severed)
          : (value as (...args: unknown[]) => unknown).apply(real, args);
    },
  });
  return { store, sever: (reason) => (severed ??= reason) };
}

function afterDeath(property: string | symbol, reason: Error): Promise<unknown> {
  // The writer of progress would try again for ever, and whoever submits takes nothing changed for a lost lease.
  if (property === 'change') return new Promise(() => undefined);
  if (property === 'changePrepared') return Promise.resolve(new Set());
  return Promise.reject(reason);
}
