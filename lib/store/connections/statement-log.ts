import {
  dataSourceOf,
  type DataSourceLike,
  type QueryRunnerLike,
  type StructuredResult,
} from '../../core/transactions/typeorm.types.js';

/** The `DataSource`s whose loggers are not told the library's own statements. */
const quiet = new WeakSet<DataSourceLike>();
/** The statement that the library is sending through TypeORM, by query runner. It sends one at a time on each. */
const sending = new WeakMap<object, string>();

/** Where the methods of a TypeORM logger have the text of the statement. */
const STATEMENT_ARGUMENT: Readonly<Record<PropertyKey, number>> = {
  logQuery: 0,
  logQueryError: 1,
  logQuerySlow: 1,
};

/**
 * Keeps the library's own statements, and their parameters, from the logger of a `DataSource`. TypeORM logs by itself what goes through a
 * query runner, so its logger is replaced by one that passes on everything else.
 */
export function keepFromLog(dataSource: DataSourceLike): void {
  const { logger } = dataSource;
  if (quiet.has(dataSource) || !logger) return;
  quiet.add(dataSource);
  dataSource.logger = new Proxy(logger, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      const position = Object.hasOwn(STATEMENT_ARGUMENT, property) ? STATEMENT_ARGUMENT[property] : undefined;
      return (...args: unknown[]): unknown => {
        const runner = args.at(-1) as object;
        if (position !== undefined && isSending(runner, args[position])) return undefined;
        return value.apply(target, args);
      };
    },
  });
}

function isSending(runner: unknown, sql: unknown): boolean {
  return typeof runner === 'object' && runner !== null && sql !== undefined && sending.get(runner) === sql;
}

/** Tells TypeORM's logger a statement that goes to the driver's client directly. */
export function logStatement(
  runner: QueryRunnerLike,
  sql: string,
  params: readonly unknown[],
  dataSource = dataSourceOf(runner),
): void {
  if (!quiet.has(dataSource)) dataSource.logger?.logQuery(sql, [...params], runner);
}

/** Tells it that such a statement has failed. */
export function logFailedStatement(
  runner: QueryRunnerLike,
  error: unknown,
  sql: string,
  params: readonly unknown[],
): void {
  const dataSource = dataSourceOf(runner);
  if (!quiet.has(dataSource)) dataSource.logger?.logQueryError?.(error as Error, sql, [...params], runner);
}

/** Sends a statement of the library through TypeORM, which logs it by itself. */
export function throughTypeOrm(
  runner: QueryRunnerLike,
  sql: string,
  params: readonly unknown[],
): Promise<StructuredResult> {
  if (!quiet.has(dataSourceOf(runner))) return runner.query(sql, [...params], true);
  sending.set(runner, sql);
  return runner.query(sql, [...params], true).finally(() => sending.delete(runner));
}
