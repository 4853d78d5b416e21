import type { DataSourceLike } from '../core/transactions/typeorm.types.js';

type Finish = () => Promise<void>;
const guards = new WeakMap<DataSourceLike, Set<Finish>>();

/**
 * Runs `finish` before the pool of a `DataSource` is closed, whoever closes it.
 *
 * Shutdown hooks alone cannot guarantee that no query follows the close. The HTTP server may still serve requests that
 * start jobs, and the library does not control the order of hooks among modules.
 */
export function beforeDestroy(dataSource: DataSourceLike, finish: Finish): void {
  let guard = guards.get(dataSource);
  if (!guard) guards.set(dataSource, (guard = wrapDestroy(dataSource)));
  guard.add(finish);
}

function wrapDestroy(dataSource: DataSourceLike): Set<Finish> {
  const finishes = new Set<Finish>();
  const target = dataSource as DataSourceLike & { destroy(): Promise<void> };
  const original = target.destroy;
  Object.assign(target, {
    async destroy(): Promise<void> {
      await Promise.allSettled([...finishes].map((finish) => finish()));
      return original.call(dataSource);
    },
  });
  return finishes;
}

/** Runs `restore` after `synchronize()` and `dropDatabase()` of a `DataSource`, which drop what they do not know. */
export function afterReset(dataSource: DataSourceLike, restore: Finish): void {
  const target = dataSource as DataSourceLike &
    Record<'synchronize' | 'dropDatabase', (drop?: boolean) => Promise<void>>;
  let inProgress = 0;
  for (const method of ['synchronize', 'dropDatabase'] as const) {
    const original = target[method];
    const reset = async (drop?: boolean): Promise<void> => {
      inProgress += 1;
      try {
        await original.call(dataSource, drop);
      } finally {
        inProgress -= 1;
      }
      // synchronize(true) calls dropDatabase().
      if (inProgress === 0) await restore();
    };
    Object.assign(target, { [method]: reset });
  }
}
