import { UnsupportedDatabaseError } from '../errors/index.js';
import type { DataSourceLike } from '../core/transactions/typeorm.types.js';
import { MysqlDialect } from './mysql/mysql.dialect.js';
import { PostgresDialect } from './postgres/postgres.dialect.js';
import { SqliteDialect } from './sqlite/sqlite.dialect.js';
import { SUPPORTED_DATABASES, type Dialect } from './dialect.js';
import type { TableOptions } from './table-names.js';

const DIALECTS: Readonly<Record<string, new (dataSource: DataSourceLike, tables?: TableOptions) => Dialect>> =
  {
    postgres: PostgresDialect,
    mysql: MysqlDialect,
    mariadb: MysqlDialect,
    'better-sqlite3': SqliteDialect,
  };

/** Whether there is a dialect for the type of a `DataSource`. */
export function isSupported({ options }: DataSourceLike): boolean {
  return Object.hasOwn(DIALECTS, options.type);
}

/**
 * The dialect of a `DataSource`, by its type. Throws `UnsupportedDatabaseError` for another type, and
 * `InvalidOptionError` for table options that are no identifiers.
 */
export function dialectFor(dataSource: DataSourceLike, tables?: TableOptions): Dialect {
  const { type } = dataSource.options;
  if (!isSupported(dataSource))
    throw new UnsupportedDatabaseError(`The DataSource type '${type}'`, SUPPORTED_DATABASES);
  return new DIALECTS[type]!(dataSource, tables);
}
export type { TableOptions } from './table-names.js';
