import { InvalidOptionError } from '../../errors/index.js';
import type { EntityManagerLike, QueryRunnerLike } from './typeorm.types.js';

const MAX_TENANT_LENGTH = 255;

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
  if (typeof tenant !== 'string' || tenant.length === 0 || tenant.length > MAX_TENANT_LENGTH) {
    throw new InvalidOptionError('tenant', tenant, `a text of 1 to ${MAX_TENANT_LENGTH} characters`);
  }
  return new TenantTransaction(transaction, tenant);
}
