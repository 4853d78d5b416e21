import type { SqlStatement } from '../../core/transactions/transaction-context.js';

export type Statement = SqlStatement;

/** What one statement gave back. */
export interface StatementResult {
  /** The rows of a SELECT or a RETURNING, as plain objects; empty for anything else. */
  readonly rows: any[];
  /** The number of rows changed. */
  readonly affected: number;
}

/** Runs one statement of a transaction that is already open. */
export type RunStatement = (sql: string, params: readonly unknown[]) => Promise<StatementResult>;

/** Anything that runs single statements: a connection, or a transaction that is open on one. */
export interface Queryable {
  query(sql: string, params: readonly unknown[]): Promise<StatementResult>;
}

/** How a statement of `InternalConnection` is run. */
export interface InternalStatementOptions {
  /** It is sent again and again, always with the same text: worth preparing, where the driver can. */
  readonly prepared?: boolean;
}

/** How a transaction of `InternalConnection` is run. */
export interface InternalTransactionOptions {
  /** `false` passes the first deadlock or lock time-out on, for callers with an answer of their own. */
  readonly retry?: boolean;
}

/**
 * Runs the library's own statements on a `DataSource`: on the master, outside every transaction of the
 * application, and with the state of the session left as it was found.
 *
 * Conflicts with other transactions (deadlocks, serialization failures, lock time-outs, a busy SQLite
 * file) are tried again a few times here; a connection that is lost is reported at once.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class InternalConnection {
  /** Runs one statement that commits by itself. */
  abstract query(
    sql: string,
    params?: readonly unknown[],
    options?: InternalStatementOptions,
  ): Promise<StatementResult>;

  /**
   * Runs `work` in a READ COMMITTED transaction of its own. When a conflict ends it, `work` runs again
   * from its start. Not for SQLite, whose transactions must begin and end in one tick.
   */
  abstract transaction<T>(
    work: (run: RunStatement) => Promise<T>,
    options?: InternalTransactionOptions,
  ): Promise<T>;

  /** Runs all statements, which cannot depend on each other's results, in one transaction. */
  abstract batch(statements: readonly Statement[]): Promise<StatementResult[]>;
}
