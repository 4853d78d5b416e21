import type { QueryRunnerLike } from '../../core/transactions/typeorm.types.js';
import { withoutData } from '../../errors/data-in-errors.js';
import { throughTypeOrm } from './statement-log.js';

export type { SqlStatement as Statement } from '../../core/transactions/transaction-context.js';
import type { SqlStatement as Statement } from '../../core/transactions/transaction-context.js';

/** What one statement gave back. */
export interface StatementResult {
  /** The rows of a SELECT or a RETURNING, as plain objects; empty for anything else. */
  readonly rows: any[];
  /** The number of rows changed. */
  readonly affected: number;
  /** Whether the connection is in a transaction afterwards, where the answer tells. */
  readonly inTransaction?: boolean;
}

/** Runs one statement of a transaction that is already open. */
export type RunStatement = (sql: string, params?: readonly unknown[]) => Promise<StatementResult>;

/**
 * The work of one transaction: it yields statements and is given their results. So it is written once for connections that
 * answer later and for those that answer at once.
 */
export type TransactionWork<T> = Generator<Statement, T, StatementResult>;

/** Anything that runs single statements: a connection, or a transaction that is open on one. */
export interface Queryable {
  query: RunStatement;
}

/**
 * Runs the library's own statements on a `DataSource`: on the master, outside the application's transactions. The
 * state of the session is left as it was.
 *
 * Conflicts with other transactions (deadlocks, serialization failures, lock time-outs, a busy SQLite file) are
 * retried a few times. A lost connection is reported at once.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class InternalConnection implements Queryable {
  /** Whether a transaction is open on the connection at this moment, where there is only one (SQLite). */
  get inTransaction(): boolean {
    return false;
  }

  /**
   * Runs one statement that commits by itself. `prepared` says that the text is always the same and sent often: worth
   * preparing, where the driver can.
   */
  abstract query(
    sql: string,
    params?: readonly unknown[],
    options?: { readonly prepared?: boolean },
  ): Promise<StatementResult>;

  /**
   * Runs `work` in a READ COMMITTED transaction of its own. After a conflict, `work` runs again from its start; `retry:
   * false` throws the conflict instead; `timed: false` lets its statements take their time. Not for SQLite, whose transactions begin and end in one tick.
   */
  abstract transaction<T>(
    work: (run: RunStatement) => Promise<T>,
    options?: { readonly retry?: boolean; readonly timed?: boolean },
  ): Promise<T>;

  /** The same for every database. After a conflict, `work` begins anew. */
  atomically<T>(work: () => TransactionWork<T>): Promise<T> {
    return this.transaction(async (run) => {
      const statements = work();
      for (let next = statements.next(); ;) {
        if (next.done) return next.value;
        next = statements.next(await run(next.value.sql, next.value.params));
      }
    });
  }
}

/**
 * Runs one statement on a query runner.
 *
 * The rows are taken out of the driver's result: the promises of `pg` keep one result reachable from the next, so
 * every row ever read would reach V8's old generation, at several times its cost.
 */
export async function runOn(
  runner: QueryRunnerLike,
  sql: string,
  params: readonly unknown[] = [],
): Promise<StatementResult> {
  try {
    const result = await throughTypeOrm(runner, sql, params);
    return { rows: result.records?.splice(0) ?? [], affected: result.affected ?? 0 };
  } catch (error) {
    throw withoutData(error, params);
  }
}
