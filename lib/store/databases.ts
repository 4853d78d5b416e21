import { UnsupportedDatabaseError } from '../errors/index.js';
import type { DataSourceLike } from '../core/transactions/typeorm.types.js';
import type { Barrier, BarrierOptions } from './barrier.js';
import type { InternalConnection } from './connections/internal.connection.js';
import { SUPPORTED_DATABASES, type Dialect, type LockWait } from './dialect.js';
import type { FleetStore } from './fleet/fleet-store.js';
import type { InboxStore } from './inbox-store.js';
import { MysqlBarrier } from './mysql/mysql.barrier.js';
import { MysqlDialect } from './mysql/mysql.dialect.js';
import { MysqlFleetStore } from './mysql/mysql.fleet-store.js';
import { MysqlInboxStore } from './mysql/mysql.inbox-store.js';
import { MysqlJobStore } from './mysql/mysql.job-store.js';
import { MysqlSearchStore } from './mysql/mysql.search-store.js';
import { MysqlSteeringStatements } from './mysql/mysql.steering-statements.js';
import { PostgresBarrier } from './postgres/postgres.barrier.js';
import { PostgresDialect } from './postgres/postgres.dialect.js';
import { PostgresFleetStore } from './postgres/postgres.fleet-store.js';
import { PostgresInboxStore } from './postgres/postgres.inbox-store.js';
import { PostgresJobStore } from './postgres/postgres.job-store.js';
import { PostgresSearchStore } from './postgres/postgres.search-store.js';
import { PostgresSteeringStatements } from './postgres/postgres.steering-statements.js';
import type { JobStatements } from './job-statements.js';
import type { SearchStore } from './search/search-store.js';
import type { SqlJobStore } from './sql.job-store.js';
import type { SqlNotation } from './sql-notation.js';
import { SqliteBarrier } from './sqlite/sqlite.barrier.js';
import { SqliteDialect } from './sqlite/sqlite.dialect.js';
import { SqliteFleetStore } from './sqlite/sqlite.fleet-store.js';
import { SqliteInboxStore } from './sqlite/sqlite.inbox-store.js';
import { SqliteJobStore } from './sqlite/sqlite.job-store.js';
import { SqliteSearchStore } from './sqlite/sqlite.search-store.js';
import { SqliteSteeringStatements } from './sqlite/sqlite.steering-statements.js';
import { RawSql } from './sql-template.js';
import { SqlAuditStore } from './steering/sql.audit-store.js';
import { SqlSteeringStore } from './steering/sql.steering-store.js';
import type { SteeringStatements } from './steering/steering-statements.js';
import type { TableOptions } from './table-names.js';

/** What one kind of database is made of. Its job store knows its dialect. */
interface Database<D extends Dialect> {
  readonly Dialect: new (dataSource: DataSourceLike, tables?: TableOptions) => D;
  readonly JobStore: new (connection: InternalConnection, dialect: D) => SqlJobStore;
  readonly SearchStore: new (
    connection: InternalConnection,
    dialect: Dialect,
    store: SqlJobStore,
  ) => SearchStore;
  readonly FleetStore: new (connection: InternalConnection, dialect: Dialect) => FleetStore;
  readonly Barrier: new (
    connection: InternalConnection,
    dialect: Dialect,
    options?: BarrierOptions,
  ) => Barrier;
  readonly InboxStore: new (connection: InternalConnection, dialect: Dialect) => InboxStore;
  readonly Steering: new (
    jobs: RawSql,
    notation: SqlNotation,
    statements: JobStatements,
    lockWait: LockWait,
  ) => SteeringStatements;
}

const mysql: Database<MysqlDialect> = {
  Dialect: MysqlDialect,
  JobStore: MysqlJobStore,
  SearchStore: MysqlSearchStore,
  FleetStore: MysqlFleetStore,
  Barrier: MysqlBarrier,
  InboxStore: MysqlInboxStore,
  Steering: MysqlSteeringStatements,
};

const postgres: Database<PostgresDialect> = {
  Dialect: PostgresDialect,
  JobStore: PostgresJobStore,
  SearchStore: PostgresSearchStore,
  FleetStore: PostgresFleetStore,
  Barrier: PostgresBarrier,
  InboxStore: PostgresInboxStore,
  Steering: PostgresSteeringStatements,
};

const sqlite: Database<SqliteDialect> = {
  Dialect: SqliteDialect,
  JobStore: SqliteJobStore,
  SearchStore: SqliteSearchStore,
  FleetStore: SqliteFleetStore,
  Barrier: SqliteBarrier,
  InboxStore: SqliteInboxStore,
  Steering: SqliteSteeringStatements,
};

/** By the type of the `DataSource`. The only place that knows databases by their names. */
const DATABASES: Readonly<Record<string, Database<any>>> = {
  postgres,
  mysql,
  mariadb: mysql,
  'better-sqlite3': sqlite,
};

/** By the scheme of a URL, the type of the `DataSource` that it stands for. */
const SCHEMES: Readonly<Record<string, string>> = {
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'mysql:': 'mysql',
  'mariadb:': 'mariadb',
};

/** The type of a `DataSource` whose database is a file. */
export const FILE_TYPE = 'better-sqlite3';

/** The type of the `DataSource` of a URL; undefined for the URL of something else. */
export function typeOfScheme(scheme: string): string | undefined {
  return Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined;
}

/** Whether there is a dialect for the type of a `DataSource`. */
export function isSupported({ options }: DataSourceLike): boolean {
  return Object.hasOwn(DATABASES, options.type);
}

/**
 * The dialect of a `DataSource`, by its type.
 *
 * @throws UnsupportedDatabaseError for another type; InvalidOptionError for table options that are no identifiers.
 */
export function dialectFor(dataSource: DataSourceLike, tables?: TableOptions): Dialect {
  return new (databaseOf(dataSource).Dialect)(dataSource, tables);
}

/** The job store of a database. Await its `initialize()` before anything else. */
export function jobStoreFor(dialect: Dialect, connection: InternalConnection): SqlJobStore {
  return new (databaseOf(dialect.dataSource).JobStore)(connection, dialect);
}

/** What steers the jobs of a store, and its audit. Both share the store's `initialize()`. */
export function steeringFor(
  dialect: Dialect,
  connection: InternalConnection,
  store: SqlJobStore,
): { readonly steering: SqlSteeringStore; readonly audit: SqlAuditStore } {
  const audit = new SqlAuditStore(connection, dialect);
  const { Steering } = databaseOf(dialect.dataSource);
  let steering: SteeringStatements | undefined;
  const known = () => ({
    jobs: store.statements,
    steering: (steering ??= new Steering(
      new RawSql(dialect.tables.jobs),
      dialect.notation(connection),
      store.statements,
      dialect.lockWait,
    )),
  });
  return { steering: new SqlSteeringStore(connection, dialect, audit, known), audit };
}

/** What finds the jobs of a store. It shares the store's `initialize()`. */
export function searchFor(dialect: Dialect, connection: InternalConnection, store: SqlJobStore): SearchStore {
  return new (databaseOf(dialect.dataSource).SearchStore)(connection, dialect, store);
}

/** What is known of the processes, in a database whose job store is initialized. */
export function fleetStoreFor(dialect: Dialect, connection: InternalConnection): FleetStore {
  return new (databaseOf(dialect.dataSource).FleetStore)(connection, dialect);
}

/** The barrier of a database. Await its `initialize()` before anything else. */
export function barrierFor(
  dialect: Dialect,
  connection: InternalConnection,
  options?: BarrierOptions,
): Barrier {
  return new (databaseOf(dialect.dataSource).Barrier)(connection, dialect, options);
}

/** The inbox of a database. Await its `initialize()` before anything else. */
export function inboxFor(dialect: Dialect, connection: InternalConnection): InboxStore {
  return new (databaseOf(dialect.dataSource).InboxStore)(connection, dialect);
}

function databaseOf(dataSource: DataSourceLike): Database<any> {
  const { type } = dataSource.options;
  if (!isSupported(dataSource))
    throw new UnsupportedDatabaseError(`The DataSource type '${type}'`, SUPPORTED_DATABASES);
  return DATABASES[type]!;
}
