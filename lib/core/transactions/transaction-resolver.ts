import type { EntityManagerLike, QueryRunnerLike } from './typeorm.types.js';
import type { TenantTransaction } from './tenant-transaction.js';
import type { TransactionContext } from './transaction-context.js';

/**
 * What may be passed as `createJob({ transaction })`: a TypeORM `EntityManager` or `QueryRunner` with an
 * active transaction, one with its tenant (`tenantTransaction()`), a `TransactionContext`, or `'none'` for a job
 * of its own whatever is around it.
 *
 * @publicApi
 */
export type JobTransaction =
  EntityManagerLike | QueryRunnerLike | TenantTransaction | TransactionContext | 'none';

/** Finds the transaction that a job takes part in. */
export abstract class TransactionResolver {
  /**
   * @returns the transaction, or `null` when there is none.
   * @throws TransactionNotActiveError when what was passed has no active transaction.
   * @throws TransactionEndedError when the transaction around the caller has ended already.
   * @throws InvalidTransactionError when what was passed is none of the accepted things.
   */
  abstract resolve(transaction: JobTransaction | undefined, gid: string): TransactionContext | null;
}
