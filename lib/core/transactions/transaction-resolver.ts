import type { EntityManagerLike, QueryRunnerLike } from './typeorm.types.js';
import type { TransactionContext } from './transaction-context.js';
import { InvalidOptionError } from '../../errors/index.js';

const MAX_TENANT_LENGTH = 255;
/** No text that could be stored, or sent. */
const HALF_CHARACTER = /\p{Surrogate}/u;

/**
 * A transaction together with the tenant whose database it is in. Made by `tenantTransaction()`.
 *
 * @publicApi
 */
export class TenantTransaction {
  constructor(
    /** The manager or query runner with the active transaction. */
    readonly transaction: EntityManagerLike | QueryRunnerLike,
    /** The name of the tenant, as `dataSourceResolver` is given it. */
    readonly tenant: string,
  ) {}
}

/**
 * Says whose database a transaction is in, where one `DataSource` name stands for many:
 * `createJob({ transaction: tenantTransaction(manager, 'acme') })`. The tenant is stored with the job and
 * given to `dataSourceResolver` when the database has to be found again. It must be no secret.
 *
 * @throws InvalidOptionError for a tenant that is no text of 1 to 255 characters.
 * @publicApi
 */
export function tenantTransaction(
  transaction: EntityManagerLike | QueryRunnerLike,
  tenant: string,
): TenantTransaction {
  const isTenant =
    typeof tenant === 'string' &&
    tenant.length > 0 &&
    tenant.length <= MAX_TENANT_LENGTH &&
    !HALF_CHARACTER.test(tenant);
  if (!isTenant) {
    throw new InvalidOptionError('tenant', tenant, `a text of 1 to ${MAX_TENANT_LENGTH} characters`);
  }
  return new TenantTransaction(transaction, tenant);
}

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

  /**
   * Tells later whether the transaction of a job that is made now has failed, or one around its caller. For warnings: the default is that
   * nobody knows, and nobody is warned.
   */
  watchFailure(_transaction: JobTransaction | undefined): () => boolean {
    return () => true;
  }
}
