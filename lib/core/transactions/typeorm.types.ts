/**
 * The parts of TypeORM that the library uses, described by their shape.
 *
 * The main entry point must load, and its typings must compile, in applications that have no
 * TypeORM; importing its types would put it into our `.d.ts` files.
 */

/**
 * Any TypeORM `EntityManager`, 0.3 or 1.x. `StepContext<EntityManager>` gives its methods their own types.
 *
 * @publicApi
 */
export interface EntityManagerLike {
  /** The query runner of its transaction. */
  readonly queryRunner?: QueryRunnerLike;
  /** Runs SQL. */
  query(sql: string, parameters?: any[]): Promise<any>;
  /** Inserts or updates entities. */
  save(...args: any[]): Promise<any>;
  /** Inserts rows. */
  insert(...args: any[]): Promise<any>;
  /** Updates the rows that fit a condition. */
  update(...args: any[]): Promise<any>;
  /** Deletes the rows that fit a condition. */
  delete(...args: any[]): Promise<any>;
  /** Finds entities. */
  find(...args: any[]): Promise<any>;
  /** Finds the first entity that fits, or `null`. */
  findOne(...args: any[]): Promise<any>;
  /** The repository of an entity, in this transaction. */
  getRepository(target: any): any;
  /** Runs a callback in a transaction; inside one, under a savepoint. */
  transaction(...args: any[]): Promise<any>;
}

/**
 * Any TypeORM `QueryRunner`, 0.3 or 1.x.
 *
 * @publicApi
 */
export interface QueryRunnerLike {
  /** Whether a transaction has been started on it and has not ended. */
  readonly isTransactionActive: boolean;
  /** Whether its connection is back in the pool. */
  readonly isReleased: boolean;
  /** Takes a connection from the pool. */
  connect(): Promise<unknown>;
  /** Runs SQL. */
  query(sql: string, parameters?: unknown[], structured?: boolean): Promise<any>;
  /** Starts a transaction, or sets a savepoint inside one. */
  startTransaction(isolation?: any): Promise<void>;
  /** Commits the transaction, or releases the savepoint. */
  commitTransaction(): Promise<void>;
  /** Rolls back the transaction, or to the savepoint. */
  rollbackTransaction(): Promise<void>;
  /** Gives the connection back to the pool. */
  release(): Promise<void>;
}

/** Any TypeORM `DataSource`, 0.3 or 1.x. */
export interface DataSourceLike {
  readonly isInitialized: boolean;
  readonly options: { readonly type: string; readonly name?: string; readonly [key: string]: any };
  readonly driver: any;
  readonly manager: EntityManagerLike;
  logger?: {
    logQuery(sql: string, parameters?: any[], runner?: any): unknown;
    logQueryError?(error: string | Error, sql: string, parameters?: any[], runner?: any): unknown;
  };
  createQueryRunner(mode?: 'master' | 'slave'): any;
  createEntityManager(queryRunner?: any): any;
}

/** The result of `queryRunner.query(sql, parameters, true)`. */
export interface StructuredResult {
  readonly raw: any;
  readonly records?: any[];
  readonly affected?: number;
}

/** The `DataSource` of a query runner; TypeORM 1.x renamed `connection` to `dataSource`. */
export function dataSourceOf(runner: QueryRunnerLike): DataSourceLike {
  const owner = runner as unknown as { dataSource?: DataSourceLike; connection?: DataSourceLike };
  return (owner.dataSource ?? owner.connection)!;
}
