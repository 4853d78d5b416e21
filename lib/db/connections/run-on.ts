import type { QueryRunnerLike, StructuredResult } from '../typeorm.types.js';
import type { StatementResult } from './own-connection.js';

/** Runs one statement on a query runner, and gives back what every driver can tell about it. */
export async function runOn(
  runner: QueryRunnerLike,
  sql: string,
  params: readonly unknown[],
): Promise<StatementResult> {
  const result = (await runner.query(sql, [...params], true)) as StructuredResult;
  return { rows: result.records ?? [], affected: result.affected ?? 0 };
}
