import type { QueryRunnerLike, StructuredResult } from '../../core/transactions/typeorm.types.js';
import type { StatementResult } from './internal.connection.js';

/**
 * Runs one statement on a query runner, and gives back what every driver can tell about it.
 *
 * The rows are taken out of the driver's result: the promises of `pg` keep one result reachable from the next, so
 * that all rows ever read would outlive V8's collections of new objects, at several times their cost.
 */
export async function runOn(
  runner: QueryRunnerLike,
  sql: string,
  params: readonly unknown[],
): Promise<StatementResult> {
  const result = (await runner.query(sql, [...params], true)) as StructuredResult;
  return { rows: result.records?.splice(0) ?? [], affected: result.affected ?? 0 };
}
