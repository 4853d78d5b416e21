/**
 * The parts of TypeORM that the library uses, described by their shape.
 *
 * The main entry point must load, and its typings must compile, in applications that have no
 * TypeORM; importing its types would put it into our `.d.ts` files.
 */

/** Any TypeORM `EntityManager`, 0.3 or 1.x. */
export interface EntityManagerLike {
  readonly queryRunner?: QueryRunnerLike;
  /* eslint-disable @typescript-eslint/no-explicit-any -- the callers' entity types are theirs */
  query(sql: string, parameters?: any[]): Promise<any>;
  save(...args: any[]): Promise<any>;
  insert(...args: any[]): Promise<any>;
  update(...args: any[]): Promise<any>;
  delete(...args: any[]): Promise<any>;
  find(...args: any[]): Promise<any>;
  findOne(...args: any[]): Promise<any>;
  getRepository(target: any): any;
  transaction(...args: any[]): Promise<any>;
  /* eslint-enable */
}

/** Any TypeORM `QueryRunner`, 0.3 or 1.x. */
export interface QueryRunnerLike {
  readonly isTransactionActive: boolean;
  readonly isReleased: boolean;
  connect(): Promise<unknown>;
  query(sql: string, parameters?: unknown[], structured?: boolean): Promise<any>;
  startTransaction(isolation?: any): Promise<void>;
  commitTransaction(): Promise<void>;
  rollbackTransaction(): Promise<void>;
  release(): Promise<void>;
}

/** Any TypeORM `DataSource`, 0.3 or 1.x. */
export interface DataSourceLike {
  readonly isInitialized: boolean;
  readonly options: { readonly type: string; readonly name?: string; readonly [key: string]: any };
  readonly driver: any;
  readonly manager: EntityManagerLike;
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
