import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSourceLike, QueryRunnerLike } from '../../core/transactions/typeorm.types.js';
import { InternalConnection, runOn, type RunStatement, type StatementResult } from './internal.connection.js';

/** A conflict that survives this many tries is no coincidence, and the caller has a loop of its own. */
const MAX_ATTEMPTS = 6;
const FIRST_DELAY_MS = 10;

/** What `PooledConnection` must know about a database. */
export interface PooledSessions {
  /** Opens a READ COMMITTED transaction, whatever the session's default is. */
  readonly beginReadCommitted: readonly string[];
  readonly errors: { isTransient(error: unknown): boolean };
  /** Whether even single statements need a READ COMMITTED transaction around them. */
  statementsNeedReadCommitted(run: RunStatement): Promise<boolean>;
  /** Runs a statement whose text is always the same, where the database gains by knowing that. */
  runPrepared?(runner: QueryRunnerLike, sql: string, params: readonly unknown[]): Promise<StatementResult>;
  /** Closes the connection of `runner` instead of returning it to the pool. */
  discard(runner: QueryRunnerLike): void;
}

/**
 * Runs the library's statements on a pool of connections: PostgreSQL, MySQL and MariaDB.
 *
 * Plain statements open and close its transactions. The query runner's own methods would call the transaction hooks of
 * every subscriber, which are about the application's transactions.
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
    { prepared = false }: { readonly prepared?: boolean } = {},
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
    { retry = true }: { readonly retry?: boolean } = {},
  ): Promise<T> {
    const once = (): Promise<T> => this.withRunner((runner) => this.transactionOn(runner, work));
    return retry ? this.retry(once) : once();
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
        // The server may still have the transaction open: nobody else may get this connection.
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

  /** Runs `work` again after conflicts, with short random pauses. */
  private async retry<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !this.sessions.errors.isTransient(error)) throw error;
      }
      await sleep(Math.random() * FIRST_DELAY_MS * 2 ** attempt);
    }
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
