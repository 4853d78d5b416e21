import type { TransactionOutcome } from './transaction-context.js';

/**
 * A database of another library than TypeORM, as `dataSourceResolver` gives it for jobs that were started with
 * a `TransactionContext`: it answers for their transactions after a crash.
 *
 * @publicApi
 */
export interface BarrierDatabase {
  /**
   * How the transaction of `gid` ended: inserts the rollback row if no row is there, then reads the row's reason.
   *
   * @throws UnresolvedTransactionError while it cannot be told. Any other error is reported, and it is asked again.
   */
  queryPrepared(gid: string): Promise<TransactionOutcome>;
  /** Deletes the barrier rows of jobs that are known to have ended. */
  purge(gids: readonly string[]): Promise<void>;
}

export function isBarrierDatabase(value: unknown): value is BarrierDatabase {
  const candidate = value as Partial<BarrierDatabase> | null | undefined;
  return typeof candidate?.queryPrepared === 'function' && typeof candidate.purge === 'function';
}
