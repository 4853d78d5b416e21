import type { DataSourceLike, QueryRunnerLike } from '../../core/transactions/typeorm.types.js';
import {
  InternalConnection,
  type InternalStatementOptions,
  type InternalTransactionOptions,
  type RunStatement,
  type Statement,
  type StatementResult,
} from './internal.connection.js';
import { retryTransient } from './retry.js';
import { runOn } from './run-on.js';

/** What a database must know to lend its sessions to the library. */
export interface PooledSessions {
  /** Opens a READ COMMITTED transaction, whatever the session's default is. */
  readonly beginReadCommitted: readonly string[];
  isTransientError(error: unknown): boolean;
  /** Whether even single statements need a READ COMMITTED transaction around them. */
  statementsNeedReadCommitted(run: RunStatement): Promise<boolean>;
  /** Runs a statement whose text is always the same, where the database gains by knowing that. */
  runPrepared?(runner: QueryRunnerLike, sql: string, params: readonly unknown[]): Promise<StatementResult>;
  /** Closes the connection of `runner` instead of giving it back to the pool. */
  discard(runner: QueryRunnerLike): void;
}

/**
 * Own statements on a pool of connections: PostgreSQL, MySQL and MariaDB.
 *
 * Transactions are opened and closed by plain statements rather than by the query runner's own methods:
 * those call the transaction hooks of every subscriber in the application, which are about the
 * application's transactions. The isolation level goes with the one transaction and stays with it.
 */
export class PooledConnection extends InternalConnection {
  private mustWrapStatements: Promise<boolean> | undefined;

  constructor(
    private readonly dataSource: DataSourceLike,
    private readonly sessions: PooledSessions,
  ) {
    super();
  }

  override async query(
    sql: string,
    params: readonly unknown[] = [],
    { prepared = false }: InternalStatementOptions = {},
  ): Promise<StatementResult> {
    if (await this.wrapsStatements()) return this.transaction((run) => run(sql, params));
    return this.retry(() =>
      this.withRunner((runner) =>
        prepared && this.sessions.runPrepared
          ? this.sessions.runPrepared(runner, sql, params)
          : runOn(runner, sql, params),
      ),
    );
  }

  override transaction<T>(
    work: (run: RunStatement) => Promise<T>,
    { retry = true }: InternalTransactionOptions = {},
  ): Promise<T> {
    const once = (): Promise<T> => this.withRunner((runner) => this.transactionOn(runner, work));
    return retry ? this.retry(once) : once();
  }

  override batch(statements: readonly Statement[]): Promise<StatementResult[]> {
    return this.transaction(async (run) => {
      const results: StatementResult[] = [];
      for (const { sql, params } of statements) results.push(await run(sql, params));
      return results;
    });
  }

  private async transactionOn<T>(
    runner: QueryRunnerLike,
    work: (run: RunStatement) => Promise<T>,
  ): Promise<T> {
    for (const sql of this.sessions.beginReadCommitted) await runner.query(sql);
    try {
      const result = await work((sql, params) => runOn(runner, sql, params));
      await runner.query('COMMIT');
      return result;
    } catch (error) {
      try {
        await runner.query('ROLLBACK');
      } catch {
        // The transaction may still be open over there: nobody else may get this connection.
        this.sessions.discard(runner);
      }
      throw error;
    }
  }

  private async withRunner<T>(work: (runner: QueryRunnerLike) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner('master') as QueryRunnerLike;
    try {
      return await work(runner);
    } finally {
      if (!runner.isReleased) await runner.release();
    }
  }

  private retry<T>(work: () => Promise<T>): Promise<T> {
    return retryTransient(work, (error) => this.sessions.isTransientError(error));
  }

  /** Asked once: the default isolation level belongs to the server, the database or the role. */
  private async wrapsStatements(): Promise<boolean> {
    this.mustWrapStatements ??= this.withRunner((runner) =>
      this.sessions.statementsNeedReadCommitted((sql, params) => runOn(runner, sql, params)),
    );
    try {
      return await this.mustWrapStatements;
    } catch (error) {
      this.mustWrapStatements = undefined;
      throw error;
    }
  }
}
