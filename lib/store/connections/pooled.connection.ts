import { setTimeout as sleep } from 'node:timers/promises';
import type { QueryRunnerLike } from '../../core/transactions/typeorm.types.js';
import { StatementTimeoutError } from '../../errors/index.js';
import { inTime } from './in-time.js';
import type { DatabaseErrors } from '../driver-errors.js';
import type { PoolRenewal } from './pool-renewal.js';
import { InternalConnection, type RunStatement, type StatementResult } from './internal.connection.js';

/** A conflict that survives this many tries is no coincidence, and the caller has a loop of its own. */
const MAX_ATTEMPTS = 6;
const FIRST_DELAY_MS = 10;
/** So many connections in a row that are in somebody's transaction are no accident: whoever makes them leaves them so. */
const MOST_LEFT = 20;
const LEFT_IN_TRANSACTION =
  'The connections of the pool are in transactions that nobody has ended, or autocommit is off for them: what is written is not committed.';
/** What a timer can hold: no bound. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * On a `createQueryRunner()` of ours: the method as it was. Libraries for tests may give everybody one runner in one
 * transaction, in which no statement of the library itself may run.
 */
export const UNPATCHED = Symbol('nestjs-stepping.unpatched');

export interface CreateQueryRunner {
  (mode?: 'master' | 'slave'): any;
  readonly [UNPATCHED]?: (mode?: 'master' | 'slave') => any;
}

/** What `PooledConnection` must know about a database. */
export interface PooledSessions {
  /** Opens a READ COMMITTED transaction, whatever the session's default is. */
  readonly beginReadCommitted: readonly string[];
  readonly errors: Pick<DatabaseErrors, 'isTransient' | 'spoilsConnection' | 'isReadOnly'>;
  /** Milliseconds for each statement, and for taking a connection. */
  readonly statementTimeout: number;
  /** Whether even single statements need a READ COMMITTED transaction around them. */
  statementsNeedReadCommitted(run: RunStatement): Promise<boolean>;
  /**
   * Runs a statement, and reads its answer whatever the application has told its driver about types. `prepared`: its text is
   * always the same.
   */
  send(
    runner: QueryRunnerLike,
    sql: string,
    params: readonly unknown[],
    prepared: boolean,
  ): Promise<StatementResult>;
  /** Whether the connection is known to be in a transaction: somebody gave it back to the pool without ending theirs. */
  inTransaction(runner: QueryRunnerLike): boolean;
  /** Closes the connection of `runner` instead of returning it to the pool. */
  discard(runner: QueryRunnerLike): void;
  /** Asks the server, on another connection, to end what runs on `runner`. */
  interrupt(runner: QueryRunnerLike): Promise<void>;
  /** Closes the connections that lie idle in the pool: they may have fallen silent together with the one that was used. */
  discardIdle(): void;
  /** Replaces the connections of the pool, and the one beside it, when the server has become read-only. */
  readonly renewal: PoolRenewal;
}

/** One query runner, whose every step ends in time. A connection that has not answered is never used again. */
class Session {
  discarded = false;
  /** The pool has not given a connection in time. */
  private late = false;

  constructor(
    private readonly runner: QueryRunnerLike,
    private readonly sessions: PooledSessions,
    private readonly timeout: number,
  ) {}

  /** Whether somebody has left the connection in a transaction, as far as it tells. */
  get inTransaction(): boolean {
    return this.sessions.inTransaction(this.runner);
  }

  async connect(): Promise<void> {
    const connecting = this.runner.connect();
    try {
      await inTime(this.timeout, connecting);
    } catch (error) {
      if (error instanceof StatementTimeoutError) {
        this.late = true;
        // It may still come, from a pool that was busy.
        const release = () => this.runner.release();
        connecting.then(release).catch(() => undefined);
        this.sessions.discardIdle();
      }
      throw error;
    }
  }

  async run(sql: string, params: readonly unknown[] = [], prepared = false): Promise<StatementResult> {
    try {
      const result = await inTime(this.timeout, this.sessions.send(this.runner, sql, params, prepared));
      this.sessions.renewal.succeeded(sql);
      return result;
    } catch (error) {
      if (error instanceof StatementTimeoutError) {
        // The server would go on waiting for a lock, and hold locks of its own meanwhile.
        void this.sessions.interrupt(this.runner);
        this.sessions.discardIdle();
      }
      if (error instanceof StatementTimeoutError || this.sessions.errors.spoilsConnection(error)) {
        this.discard();
      }
      if (this.sessions.errors.isReadOnly(error)) this.sessions.renewal.refused();
      throw error;
    }
  }

  discard(): void {
    this.discarded = true;
    this.sessions.discard(this.runner);
  }

  async release(): Promise<void> {
    if (!this.runner.isReleased && !this.late) await inTime(this.timeout, this.runner.release());
  }
}

/** Undefined when it was part of a transaction that was left open on the connection, with which it is undone. */
async function runAlone(
  session: Session,
  sql: string,
  params: readonly unknown[],
  prepared: boolean,
): Promise<StatementResult | undefined> {
  const result = await session.run(sql, params, prepared);
  if (!result.inTransaction && !session.inTransaction) return result;
  session.discard();
  return undefined;
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
    private readonly dataSource: { createQueryRunner: CreateQueryRunner },
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
    return this.retry(async () => {
      for (let tries = MOST_LEFT; tries > 0; tries -= 1) {
        const result = await this.withRunner((session) => runAlone(session, sql, params, prepared));
        if (result) return result;
      }
      throw new Error(LEFT_IN_TRANSACTION);
    });
  }

  override transaction<T>(
    work: (run: RunStatement) => Promise<T>,
    { retry = true, timed = true }: { readonly retry?: boolean; readonly timed?: boolean } = {},
  ): Promise<T> {
    const once = (): Promise<T> =>
      this.withRunner((session) => this.transactionOn(session, work), timed ? undefined : MAX_TIMER_MS);
    return retry ? this.retry(once) : once();
  }

  private async transactionOn<T>(session: Session, work: (run: RunStatement) => Promise<T>): Promise<T> {
    for (const sql of this.sessions.beginReadCommitted) await session.run(sql);
    try {
      const result = await work((sql, params) => session.run(sql, params));
      await session.run('COMMIT');
      return result;
    } catch (error) {
      try {
        if (!session.discarded) await session.run('ROLLBACK');
      } catch {
        // The server may still have the transaction open: nobody else may get this connection.
        session.discard();
      }
      throw error;
    }
  }

  private async withRunner<T>(
    work: (session: Session) => Promise<T>,
    timeout = this.sessions.statementTimeout,
    tries = MOST_LEFT,
  ): Promise<T> {
    if (tries === 0) throw new Error(LEFT_IN_TRANSACTION);
    const { createQueryRunner } = this.dataSource;
    const create = createQueryRunner[UNPATCHED] ?? createQueryRunner;
    const runner = create.call(this.dataSource, 'master') as QueryRunnerLike;
    const session = new Session(runner, this.sessions, timeout);
    try {
      await session.connect();
      if (!session.inTransaction) return await work(session);
      // What is written here would be undone with what was left open.
      session.discard();
    } finally {
      this.sessions.renewal.tick();
      await session.release();
    }
    return this.withRunner(work, timeout, tries - 1);
  }

  /**
   * Runs `work` again after conflicts, with short random pauses; and once on a new connection when the server of the old one
   * takes no writes.
   */
  private async retry<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        const { errors } = this.sessions;
        const again = errors.isTransient(error) || (attempt === 1 && errors.isReadOnly(error));
        if (attempt >= MAX_ATTEMPTS || !again) throw error;
      }
      await sleep(Math.random() * FIRST_DELAY_MS * 2 ** attempt);
    }
  }

  /** Asked once: the default isolation level belongs to the server, the database or the role. */
  private async wrapsStatements(): Promise<boolean> {
    this.mustWrapStatements ??= this.withRunner((session) =>
      this.sessions.statementsNeedReadCommitted((sql, params) => session.run(sql, params)),
    );
    try {
      return await this.mustWrapStatements;
    } catch (error) {
      this.mustWrapStatements = undefined;
      throw error;
    }
  }
}
