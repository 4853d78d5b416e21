/**
 * How the database of a transaction is found again by a process that never saw the transaction.
 *
 * It is stored with a prepared job, so it holds names only: no connection string, no secret.
 *
 * @publicApi
 */
export interface DatabaseLookup {
  /** The name of the `DataSource`. */
  readonly dataSource: string;
  /** The tenant, when one name stands for the databases of many tenants. */
  readonly tenant?: string;
}
