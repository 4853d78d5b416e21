import type { QueryRunnerLike } from '../../core/transactions/typeorm.types.js';
import {
  InternalConnection,
  type RunStatement,
  type Statement,
  type StatementResult,
} from './internal.connection.js';
import { runOn } from './run-on.js';

/** Statements on a query runner that somebody else opened, and in the transaction that it is in. */
export class RunnerConnection extends InternalConnection {
  constructor(private readonly runner: QueryRunnerLike) {
    super();
  }

  override query(sql: string, params: readonly unknown[] = []): Promise<StatementResult> {
    return runOn(this.runner, sql, params);
  }

  override transaction<T>(work: (run: RunStatement) => Promise<T>): Promise<T> {
    return work((sql, params) => this.query(sql, params));
  }

  override async batch(statements: readonly Statement[]): Promise<StatementResult[]> {
    const results: StatementResult[] = [];
    for (const { sql, params } of statements) results.push(await this.query(sql, params));
    return results;
  }
}
