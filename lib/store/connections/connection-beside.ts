import type {
  DataSourceLike,
  QueryRunnerLike,
  StructuredResult,
} from '../../core/transactions/typeorm.types.js';
import { InternalConnection, runOn, type RunStatement, type StatementResult } from './internal.connection.js';
import { logStatement } from './statement-log.js';
import { PooledConnection, type PooledSessions } from './pooled.connection.js';

/** A connection that is not the pool's, while one statement or transaction has it. */
export interface ClientBeside {
  query(sql: string, params: unknown[]): Promise<StatementResult>;
  release(): void;
  destroy(): void;
}

/** The one connection beside the pool, which those who want it take in turn. */
export interface SourceBeside {
  /** Opens it when it is first wanted. Rejects where there is none. */
  take(): Promise<ClientBeside>;
  close(): Promise<void>;
}

/**
 * Runs statements on the connection beside the pool, where they wait for nobody's transactions; on the pool when that
 * one cannot be had, or fails.
 */
export class ConnectionBeside extends InternalConnection {
  private readonly beside: InternalConnection;

  constructor(
    dataSource: DataSourceLike,
    sessions: PooledSessions,
    private readonly source: SourceBeside,
    private readonly pooled: InternalConnection,
    /** Milliseconds. Of these statements, which the pool is to run in time if they fail here. */
    statementTimeout: number,
  ) {
    super();
    const runners = { createQueryRunner: () => new RunnerBeside(dataSource, source) };
    this.beside = new PooledConnection(runners, {
      beginReadCommitted: sessions.beginReadCommitted,
      errors: sessions.errors,
      statementTimeout,
      send: (runner, sql, params) => runOn(runner, sql, params),
      statementsNeedReadCommitted: (run) => sessions.statementsNeedReadCommitted(run),
      inTransaction: () => false,
      discard: (runner) => (runner as unknown as RunnerBeside).destroy(),
      interrupt: () => Promise.resolve(),
      discardIdle: () => undefined,
      renewal: sessions.renewal,
    });
  }

  override query(sql: string, params?: readonly unknown[]): Promise<StatementResult> {
    return this.either((connection) => connection.query(sql, params));
  }

  override transaction<T>(work: (run: RunStatement) => Promise<T>): Promise<T> {
    return this.either((connection) => connection.transaction(work));
  }

  close(): Promise<void> {
    return this.source.close();
  }

  private either<T>(work: (connection: InternalConnection) => Promise<T>): Promise<T> {
    return work(this.beside).catch(() => work(this.pooled));
  }
}

/** What `PooledConnection` uses of a query runner. */
class RunnerBeside {
  isReleased = false;
  private client: ClientBeside | undefined;

  constructor(
    private readonly dataSource: DataSourceLike,
    private readonly source: SourceBeside,
  ) {}

  async connect(): Promise<void> {
    // Leases must not outlive the means to store progress.
    if (!this.dataSource.isInitialized) throw new Error('The DataSource is closed.');
    this.client = await this.source.take();
  }

  async query(sql: string, params: unknown[] = []): Promise<StructuredResult> {
    logStatement(this as unknown as QueryRunnerLike, sql, params, this.dataSource);
    const { rows, affected } = await this.client!.query(sql, params);
    return { raw: rows, records: rows, affected };
  }

  async release(): Promise<void> {
    this.isReleased = true;
    this.client?.release();
  }

  destroy(): void {
    this.isReleased = true;
    this.client?.destroy();
  }
}
