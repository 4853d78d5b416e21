import type {
  SentStatement,
  SqlStatement,
  TransactionParticipant,
} from '../core/transactions/transaction-context.js';
import { JobOutsideTransactionError, TransactionEndedError } from '../errors/index.js';
import type { QueryRunnerLike } from '../core/transactions/typeorm.types.js';
import { logStatement } from '../store/connections/statement-log.js';
import type { Dialect } from '../store/dialect.js';
import { BEGIN, type GuardedRunner } from './guarded-runners.js';
import { depthOf, openOn } from './surroundings.js';
import { mayEndTransaction } from './transaction-control.js';
import { ObservedTransaction } from './observed-transaction.js';

const OBSERVER = Symbol('nestjs-stepping.query-runner-observer');

type ObservedRunner = GuardedRunner & { [OBSERVER]?: QueryRunnerObserver };

/** The original methods. */
type Originals = Pick<
  QueryRunnerLike,
  'query' | 'startTransaction' | 'commitTransaction' | 'rollbackTransaction' | 'release'
>;
type QueryArguments = Parameters<QueryRunnerLike['query']>;

/**
 * Observes how the transactions of one query runner end, by wrapping its methods.
 *
 * TypeORM's subscribers cannot be relied on: `initialize()` after `destroy()` drops them, a subscriber that throws skips
 * those after it, and other subscribers run before them when a COMMIT is answered. Only runners that carry a job are
 * observed. A runner lives as long as one transaction; on SQLite, as long as its `DataSource`.
 */
export class QueryRunnerObserver {
  private current: ObservedTransaction | undefined;
  private readonly originals: Originals;
  /** The statement with which TypeORM itself ends the transaction, or sets a savepoint. */
  private expected: string | undefined;
  /** Savepoint statements in progress. A job that starts now may end up on either side of them. */
  private savepoints = 0;

  private constructor(
    private readonly runner: ObservedRunner,
    private readonly dialect: Dialect,
  ) {
    const { query, commitTransaction, rollbackTransaction, release } = runner;
    const guarded = runner[BEGIN] && runner.startTransaction;
    const startTransaction = runner[BEGIN] ?? runner.startTransaction;
    this.originals = { query, startTransaction, commitTransaction, rollbackTransaction, release };
    runner[OBSERVER] = this;
    Object.assign(runner, OBSERVED_METHODS);
    // The guard stays in front: it may wait for another transaction on an only connection.
    if (guarded)
      Object.assign(runner, { startTransaction: guarded, [BEGIN]: OBSERVED_METHODS.startTransaction });
  }

  /** The observer of a runner, installed when it is first asked for. */
  static of(runner: QueryRunnerLike, dialect: Dialect): QueryRunnerObserver {
    return (runner as ObservedRunner)[OBSERVER] ?? new QueryRunnerObserver(runner, dialect);
  }

  /** Whether its `release()` is another one than that of its class: a library for tests keeps it, in a transaction of its own. */
  static isKept(runner: QueryRunnerLike): boolean {
    const release = (runner as ObservedRunner)[OBSERVER]?.originals.release ?? runner.release;
    return release !== (Object.getPrototypeOf(runner) as QueryRunnerLike).release;
  }

  /** Whether the transaction on this runner takes no more jobs. */
  get ended(): boolean {
    return this.current?.closed === true;
  }

  /** The transaction that carries jobs now, if any does. */
  get transaction(): ObservedTransaction | undefined {
    return this.current;
  }

  /**
   * @param commitDepth the depth whose commit is the participant's: 1, unless a test counts the release of a savepoint.
   */
  async enlist<T>(participant: TransactionParticipant, work: () => Promise<T>, commitDepth = 1): Promise<T> {
    const transaction = this.current;
    if (transaction?.closed) throw new TransactionEndedError(participant.gid);
    if (transaction) {
      transaction.assertIdle(participant.gid);
      return this.enlistIn(transaction, participant, commitDepth, work);
    }

    // Register before the first await: a ROLLBACK that overtakes this start has to find it. `connect()` does not wait
    // here, since the runner has its connection already.
    const opened = new ObservedTransaction();
    this.current = opened;
    return this.enlistIn(opened, participant, commitDepth, async () => {
      opened.attach(this.dialect.probe(await this.runner.connect()));
      opened.assertIdle(participant.gid);
      return work();
    });
  }

  /** See `TransactionContext.defer()`. */
  async defer(gid: string, statement: SqlStatement): Promise<SentStatement | undefined> {
    const transaction = this.current;
    if (!transaction || transaction.settled || this.savepoints > 0) return undefined;
    const deferred = { sentAt: performance.now(), waiting: true };
    const queued = transaction.defer({
      ...statement,
      sent: () => Object.assign(deferred, { sentAt: performance.now(), waiting: false }),
      refused: (error = new JobOutsideTransactionError(gid)) => transaction.refuse(gid, error),
    });
    if (!queued) return undefined;
    logStatement(this.runner, statement.sql, statement.params);
    if (queued.full) await queued.full;
    return deferred;
  }

  private enlistIn<T>(
    transaction: ObservedTransaction,
    participant: TransactionParticipant,
    commitDepth: number,
    work: () => Promise<T>,
  ): Promise<T> {
    const { depth } = this;
    return transaction.enlist({ participant, depth, commitDepth, doubtful: this.savepoints > 0 }, work);
  }

  /** 1 in the outermost transaction, one more in each savepoint. */
  get depth(): number {
    return depthOf(this.runner);
  }

  async query(statement: QueryArguments): Promise<unknown> {
    const transaction = this.current;
    if (!transaction || transaction.settled) return this.send(statement);
    const [sql] = statement;
    const ours = sql === this.expected;
    if (ours && sql === 'COMMIT') return this.sendCommit(transaction, statement);
    if (!ours && mayEndTransaction(sql)) transaction.doubt();
    let result: unknown;
    try {
      result = await this.send(statement);
    } catch (error) {
      if (this.dialect.errors.endsTransaction(error)) transaction.doubt();
      this.retire(error);
      throw error;
    }
    // Where all share one connection, no release ends it later. What TypeORM's own ROLLBACK means, `rollback()` knows.
    if (this.dialect.gate && !ours && transaction.outside) transaction.settle('inDoubt');
    return result;
  }

  /** After a failover, the next transaction is to find the new primary. */
  private retire(error: unknown): void {
    if (this.dialect.errors.isReadOnly(error)) this.dialect.retire(this.runner);
  }

  private send(statement: QueryArguments): Promise<unknown> {
    return this.originals.query.apply(this.runner, statement);
  }

  private async sendCommit(transaction: ObservedTransaction, statement: QueryArguments): Promise<unknown> {
    await this.endStarts(transaction);
    transaction.assertCommittable();
    await transaction.doLastWork();
    transaction.checkConnection();
    transaction.commitSent = true;
    let result: unknown;
    try {
      result = await this.send(statement);
    } catch (error) {
      transaction.settle(this.dialect.errors.isRefusedCommit(error) ? 'rolledBack' : 'inDoubt');
      this.retire(error);
      throw this.dialect.lostTables(error) ?? error;
    }
    transaction.settle(transaction.commitOutcome());
    return result;
  }

  async start(isolation?: unknown): Promise<void> {
    const original = () => this.originals.startTransaction.call(this.runner, isolation);
    if (this.depth > 0) return this.savepoint(`SAVEPOINT typeorm_${this.depth}`, original);
    // The runner is used again, and nobody ended its last transaction.
    this.current?.settle('inDoubt');
    this.current = undefined;
    return original();
  }

  async commit(): Promise<void> {
    const original = () => this.originals.commitTransaction.call(this.runner);
    const transaction = this.current;
    const { depth } = this;
    if (transaction?.settled) return original();
    if (depth > 1) {
      if (!transaction) return original();
      await this.savepoint(`RELEASE SAVEPOINT typeorm_${depth - 1}`, original);
      transaction.savepointReleased(depth);
      return;
    }

    if (transaction) {
      await this.endStarts(transaction);
      transaction.assertCommittable();
      // TypeORM calls `beforeTransactionCommit()` of the subscribers now, where jobs may start, perhaps the first.
      transaction.closed = false;
    }
    this.expected = 'COMMIT';
    try {
      await original();
    } finally {
      this.expected = undefined;
    }
  }

  /** Takes no more jobs, and waits for those that are being started. */
  private endStarts(transaction: ObservedTransaction): Promise<void> {
    transaction.closed = true;
    return transaction.starts.wait();
  }

  async rollback(): Promise<void> {
    const original = () => this.originals.rollbackTransaction.call(this.runner);
    const begun = openOn(this.runner);
    if (begun) begun.failed = true;
    const transaction = this.current;
    const { depth } = this;
    if (!transaction || transaction.settled) return original();
    if (depth > 1) {
      transaction.checkConnection();
      await this.savepoint(`ROLLBACK TO SAVEPOINT typeorm_${depth - 1}`, original);
      transaction.savepointRolledBack(depth);
      return;
    }

    await this.endStarts(transaction);
    transaction.dropDeferred();
    // If somebody has committed on the raw connection, this is no rollback.
    transaction.checkConnection();
    this.expected = 'ROLLBACK';
    try {
      await original();
    } finally {
      this.expected = undefined;
      // A failed ROLLBACK changes nothing: without a COMMIT, the server rolls back by itself.
      transaction.settle(transaction.commitSent ? 'inDoubt' : 'rolledBack');
    }
  }

  async release(): Promise<void> {
    const { release } = this.originals;
    // Then its transaction goes on.
    const isKept = QueryRunnerObserver.isKept(this.runner);
    if (isKept) await release.call(this.runner);
    if (isKept && !this.runner.isReleased) return;
    // Where all share one connection, releasing closes nothing, and the runner may be in somebody else's transaction.
    if (!this.dialect.gate) this.current?.settle('inDoubt');
    if (!isKept) await release.call(this.runner);
  }

  private async savepoint(statement: string, original: () => Promise<void>): Promise<void> {
    await this.current?.starts.wait();
    this.savepoints += 1;
    const before = this.expected;
    this.expected = statement;
    try {
      await original();
    } finally {
      this.expected = before;
      this.savepoints -= 1;
    }
  }
}

/** Replace the runner's own methods. Shared by all runners, since there is one runner per transaction. */
const OBSERVED_METHODS: ThisType<Required<ObservedRunner>> & Originals = {
  query(...statement: QueryArguments) {
    return this[OBSERVER].query(statement);
  },
  startTransaction(isolation?: unknown) {
    return this[OBSERVER].start(isolation);
  },
  commitTransaction() {
    return this[OBSERVER].commit();
  },
  rollbackTransaction() {
    return this[OBSERVER].rollback();
  },
  release() {
    return this[OBSERVER].release();
  },
};
