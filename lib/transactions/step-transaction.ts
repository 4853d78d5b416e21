import { StatementTimeoutError, StepTransactionClosedError } from '../errors/index.js';
import type {
  DataSourceLike,
  EntityManagerLike,
  QueryRunnerLike,
} from '../core/transactions/typeorm.types.js';
import { inTime } from '../store/connections/in-time.js';
import type { Dialect } from '../store/dialect.js';
import { connectionFree } from './guarded-runners.js';
import { openFrame, runInFrame } from './ambient-transaction.js';
import { inTransactionCall, type AmbientFrame } from './surroundings.js';
import { QueryRunnerObserver } from './query-runner.observer.js';

/** The members of a query runner that send statements. They stop working when the attempt is over; others call them. */
const SENDING = new Set([
  'query',
  'sql',
  'stream',
  'startTransaction',
  'commitTransaction',
  'rollbackTransaction',
]);

/** These put the runner itself on a list of the driver, and remove it. */
const LISTING = new Set(['connect', 'release']);

/** The real query runner behind the facade of a step. */
const RUNNER = Symbol.for('nestjs-stepping.query-runner');

/** The real query runner behind a step's facade; any other runner as it is. */
export function realRunner(runner: QueryRunnerLike): QueryRunnerLike {
  return (runner as { [RUNNER]?: QueryRunnerLike })[RUNNER] ?? runner;
}

/**
 * The transaction of one attempt of a transactional step.
 *
 * The step gets a facade of the manager, which can be closed. A step may still be running after its time-out. Its later
 * statements would then be autocommitted, or, on SQLite, where all transactions share a query runner, become part
 * of somebody else's transaction.
 */
export class StepTransaction {
  readonly manager: EntityManagerLike;
  private readonly frame: AmbientFrame;
  /** Statements without an answer, with what rejects them. */
  private readonly inFlight = new Map<Promise<unknown>, (error: unknown) => void>();
  private closed = false;
  /** 1, unless a library for tests keeps a transaction around everything. */
  private readonly depth: number;
  /** How the transaction ended; undefined before `commit()` or `rollback()`. */
  outcome: 'committed' | 'rolledBack' | 'inDoubt' | undefined;

  private constructor(
    dataSource: DataSourceLike,
    readonly runner: QueryRunnerLike,
    private readonly observer: QueryRunnerObserver,
    private readonly dialect: Dialect,
    private readonly patience: number,
  ) {
    this.depth = observer.depth;
    this.manager = dataSource.createEntityManager(this.facade()) as EntityManagerLike;
    this.frame = openFrame(dataSource, runner, this.manager);
  }

  /**
   * Begins a transaction on a query runner that has a connection.
   *
   * @param patience milliseconds for whatever the library waits for here.
   */
  static async begin(
    dataSource: DataSourceLike,
    runner: QueryRunnerLike,
    dialect: Dialect,
    gid: string,
    patience: number,
  ): Promise<StepTransaction> {
    try {
      const observer = QueryRunnerObserver.of(runner, dialect);
      if (dialect.gate) await inTime(patience, connectionFree(runner));
      await inTime(
        patience,
        inTransactionCall(dataSource, () => runner.startTransaction()),
      );
      const transaction = new StepTransaction(dataSource, runner, observer, dialect, patience);
      // The step takes part as a job does, so whatever ends the transaction unseen is noticed.
      const participant = {
        gid,
        committed: () => (transaction.outcome = 'committed'),
        rolledBack: () => (transaction.outcome = 'rolledBack'),
        inDoubt: () => (transaction.outcome = 'inDoubt'),
      };
      await observer.enlist(participant, async () => {}, transaction.depth);
      return transaction;
    } catch (error) {
      if (error instanceof StatementTimeoutError) dialect.discard(runner);
      if (!runner.isReleased) await runner.release();
      throw error;
    }
  }

  /** Runs the step. Jobs that it starts find this transaction around them. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return runInFrame(this.frame, work);
  }

  /** Whether everything since `begin()` is in one transaction, without an open savepoint. */
  get intact(): boolean {
    return this.observer.transaction?.intact === true && this.observer.depth === this.depth;
  }

  /** Whether `error` says that the server takes no writes. */
  isReadOnly(error: unknown): boolean {
    return this.dialect.errors.isReadOnly(error);
  }

  /** Takes no more statements from the step. */
  close(): void {
    this.closed = true;
  }

  /**
   * Closes it, and waits for the statements in progress. One that takes longer, behind a lock for example, is ended at the
   * server, and its connection given up.
   *
   * @throws StatementTimeoutError then.
   */
  async settle(patience = this.patience): Promise<void> {
    this.close();
    if (this.inFlight.size > 0) await this.inTime(this.settled(), patience);
  }

  async commit(): Promise<void> {
    try {
      await this.inTime(this.runner.commitTransaction());
    } catch (error) {
      // A subscriber has kept the COMMIT from being sent, or it has failed, after which SQLite keeps the transaction.
      const open = this.runner.isTransactionActive && this.outcome !== 'committed';
      if (open && !(error instanceof StatementTimeoutError)) await this.rollback();
      throw error;
    } finally {
      await this.end();
    }
  }

  /** Never fails: without a COMMIT, the database rolls back by itself. */
  async rollback(): Promise<void> {
    this.frame.failed = true;
    try {
      // The step may have ended the transaction itself. TypeORM still counts it as open, and on SQLite the runner is
      // shared. A new transaction gives the ROLLBACK something to end.
      if (this.observer.transaction?.outside) await this.inTime(this.runner.query('BEGIN'));
      // Savepoints come first, if the step was stopped inside of them.
      do await this.inTime(this.runner.rollbackTransaction());
      while (this.runner.isTransactionActive && this.observer.depth >= this.depth);
    } catch {
      // See above.
    } finally {
      await this.end();
    }
  }

  /** Asks about this transaction after its end. On an only connection its turn lasts, and the question would wait for it. */
  askAfterwards<T>(ask: () => Promise<T>): Promise<T> {
    return this.dialect.gate ? inTransactionCall(this.frame.dataSource, ask) : ask();
  }

  private async settled(): Promise<void> {
    while (this.inFlight.size > 0) await Promise.allSettled(this.inFlight.keys());
  }

  private async inTime<T>(work: Promise<T>, patience = this.patience): Promise<T> {
    try {
      return await inTime(patience, work);
    } catch (error) {
      if (error instanceof StatementTimeoutError) {
        // Not awaited: the server may not be there, and the step's slot has its time.
        void this.dialect.interrupt(this.runner);
        this.dialect.discard(this.runner);
        // The driver may never answer what the step is waiting for.
        for (const reject of this.inFlight.values()) reject(error);
      }
      throw error;
    }
  }

  private async end(): Promise<void> {
    // For a step that goes on all the same.
    this.frame.ended = true;
    if (this.depth === 1) this.observer.transaction?.settle('inDoubt');
    if (!this.runner.isReleased) await this.runner.release();
  }

  private facade(): QueryRunnerLike {
    const own: { manager?: unknown } = {};
    const facade = new Proxy(this.runner, {
      get: (runner, property) => {
        if (property === RUNNER) return runner;
        // TypeORM gives a runner its manager; the real runner, shared on SQLite, must keep its own.
        if (property === 'manager') return own.manager;
        const value: unknown = Reflect.get(runner, property, runner);
        if (typeof value !== 'function') return value;
        if (SENDING.has(property as string))
          return (...args: unknown[]) => this.send(() => value.apply(runner, args));
        // What sends statements through others, as `clearTable()` does, sends them through the facade.
        return value.bind(LISTING.has(property as string) ? runner : facade);
      },
      set: (runner, property, value) => {
        if (property === 'manager') own.manager = value;
        else Reflect.set(runner, property, value, runner);
        return true;
      },
    });
    return facade;
  }

  private send(statement: () => Promise<unknown>): Promise<unknown> {
    if (this.closed) return Promise.reject(new StepTransactionClosedError());
    let giveUp!: (error: unknown) => void;
    // No race with a promise of the attempt's length: that one would keep the answer of each statement.
    const sent = new Promise((resolve, reject) => {
      giveUp = reject;
      statement().then(resolve, reject);
    });
    this.inFlight.set(sent, giveUp);
    const done = () => this.inFlight.delete(sent);
    sent.then(done, done);
    return sent;
  }
}
