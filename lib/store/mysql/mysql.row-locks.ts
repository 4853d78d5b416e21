import type { RunStatement } from '../connections/internal.connection.js';
import type { DatabaseErrors } from '../driver-errors.js';
import { inHalves } from '../job-batches.js';

/** The end of a SELECT: what it does about rows that are locked. */
export type LockClause = 'FOR UPDATE SKIP LOCKED' | 'FOR UPDATE NOWAIT' | 'FOR UPDATE' | '';

/** Locks rows that nobody else has locked; `select` runs the statement, for all or for some of them. */
export interface RowLocks {
  lockFree<T, R>(
    items: readonly T[],
    select: (items: readonly T[], lock: LockClause) => Promise<readonly R[]>,
  ): Promise<readonly R[]>;
}

/** In one statement. */
export const skippingLocks: RowLocks = {
  lockFree: (items, select) => select(items, 'FOR UPDATE SKIP LOCKED'),
};

/** Half of a refused batch is tried again. So many statements find a few locked rows among 500; what is left then is left out. */
const MAX_REFUSALS = 40;

/**
 * For servers that do not skip: a statement that meets a locked row fails at once, and is tried with each half of its rows,
 * down to the locked one. Rows that are locked cost statements; most batches have none.
 */
export function halvingLocks(errors: DatabaseErrors): RowLocks {
  return {
    async lockFree<T, R>(
      items: readonly T[],
      select: (items: readonly T[], lock: LockClause) => Promise<readonly R[]>,
    ): Promise<readonly R[]> {
      const locked: R[] = [];
      let refusals = 0;
      const lock = async (part: readonly T[]): Promise<void> => {
        if (refusals < MAX_REFUSALS) locked.push(...(await select(part, 'FOR UPDATE NOWAIT')));
      };
      const isRefusal = (error: unknown): boolean => {
        // With the transaction, what it has locked before is gone.
        if (!errors.isTransient(error) || errors.endsTransaction(error)) return false;
        refusals += 1;
        return true;
      };
      await inHalves([items], lock, { isRowError: isRefusal, leaveOut: () => undefined });
      return locked;
    },
  };
}

/**
 * Runs `work`, whose statements wait for locks so long at most. The time-out is a setting of the session here, in whole seconds,
 * and is put back as it was.
 */
export async function withLockTimeout<T>(
  run: RunStatement,
  milliseconds: number,
  work: () => Promise<T>,
): Promise<T> {
  const { rows } = await run('SELECT @@SESSION.innodb_lock_wait_timeout AS seconds');
  const [found] = rows as [{ readonly seconds: number | string }];
  await run('SET SESSION innodb_lock_wait_timeout = ?', [Math.ceil(milliseconds / 1000)]);
  try {
    return await work();
  } finally {
    await run('SET SESSION innodb_lock_wait_timeout = ?', [Number(found.seconds)]);
  }
}
