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

/**
 * The dialect of a `DataSource`, by its type.
 *
 * @throws UnsupportedDatabaseError for another type.
 * @throws InvalidOptionError for table options that are no identifiers.
 */
export function dialectFor(dataSource: DataSourceLike, tables?: TableOptions): Dialect {
  const { type } = dataSource.options;
  const Dialect = Object.hasOwn(DIALECTS, type) ? DIALECTS[type] : undefined;
  if (!Dialect) throw new UnsupportedDatabaseError(`The DataSource type '${type}'`, SUPPORTED_DATABASES);
  return new Dialect(dataSource, tables);
}
