import type { TransactionParticipant } from '../../core/tm/transaction-context.js';
import { TransactionEndedError } from '../../errors/index.js';
import { dataSourceOf, type QueryRunnerLike } from '../typeorm.types.js';
import { probeConnection } from './connection-probe.js';
import { endedByError, mayEndTransaction, refusedCommit } from './transaction-control.js';
import { WatchedTransaction } from './watched-transaction.js';

/** The depth TypeORM keeps: 1 in the outermost transaction, one more per savepoint. */
type WatchedRunner = QueryRunnerLike & { transactionDepth?: number };

/**
 * Sees how the transactions of one query runner end, by standing around its methods.
 *
 * TypeORM's subscribers tell the same, but not reliably: `initialize()` after `destroy()` drops them, a
 * subscriber that throws skips those after it, and they do not see the answer to a COMMIT before other
 * subscribers have run. A runner lives as long as one transaction (on SQLite, as its `DataSource`), and only
 * runners that carry a job are watched.
 */
export class RunnerWatch {
  private current: WatchedTransaction | undefined;
  private readonly type: string;
  /** The statement by which TypeORM itself is ending the transaction. */
  private expected: string | undefined;
  /** Savepoint statements under way: a job that starts now may land on either side of them. */
  private savepoints = 0;

  private constructor(private readonly runner: WatchedRunner) {
    this.type = dataSourceOf(runner).options.type;
    const query = runner.query.bind(runner);
    const start = runner.startTransaction.bind(runner);
    const commit = runner.commitTransaction.bind(runner);
    const rollback = runner.rollbackTransaction.bind(runner);
    const release = runner.release.bind(runner);
    Object.assign(runner, {
      query: (sql: string, ...rest: [unknown[]?, boolean?]) => this.query(query, sql, rest),
      startTransaction: (isolation?: unknown) => this.start(() => start(isolation)),
      commitTransaction: () => this.commit(commit),
      rollbackTransaction: () => this.rollback(rollback),
      release: () => this.release(release),
    });
  }

  /** The watch of a runner, installed when it is first asked for. */
  static of(runner: QueryRunnerLike): RunnerWatch {
    let watch = watches.get(runner);
    if (!watch) watches.set(runner, (watch = new RunnerWatch(runner)));
    return watch;
  }

  /** Whether the transaction that is open on this runner can still take jobs. */
  get ended(): boolean {
    return this.current?.closed === true;
  }

  /** The transaction that carries jobs now, if any does. */
  get transaction(): WatchedTransaction | undefined {
    return this.current;
  }

  async enlist<T>(participant: TransactionParticipant, work: () => Promise<T>): Promise<T> {
    const transaction = this.current;
    if (transaction?.closed) throw new TransactionEndedError(participant.gid);
    if (transaction) return this.enlistIn(transaction, participant, work);

    // The connection of a runner in a transaction is there already; only its wrapper is a promise. The
    // registration may not wait for it, so that an overtaking ROLLBACK finds this start.
    const opened = new WatchedTransaction();
    this.current = opened;
    return this.enlistIn(opened, participant, async () => {
      opened.attach(probeConnection(this.type, await this.runner.connect()));
      return work();
    });
  }

  private enlistIn<T>(
    transaction: WatchedTransaction,
    participant: TransactionParticipant,
    work: () => Promise<T>,
  ): Promise<T> {
    return transaction.enlist(participant, this.depth, this.savepoints > 0, work);
  }

  /** 1 in the outermost transaction, one more in each savepoint. */
  get depth(): number {
    return this.runner.transactionDepth ?? 1;
  }

  private async query(
    original: WatchedRunner['query'],
    sql: string,
    rest: [unknown[]?, boolean?],
  ): Promise<unknown> {
    const transaction = this.current;
    if (!transaction || transaction.settled) return original(sql, ...rest);
    const ours = sql === this.expected;
    if (!ours && mayEndTransaction(sql)) transaction.doubt();
    if (!ours || sql !== 'COMMIT') {
      try {
        return await original(sql, ...rest);
      } catch (error) {
        if (endedByError(error)) transaction.doubt();
        throw error;
      }
    }

    transaction.checkConnection();
    transaction.commitSent = true;
    let result: unknown;
    try {
      result = await original(sql, ...rest);
    } catch (error) {
      transaction.settle(refusedCommit(this.type, error) ? 'rolledBack' : 'inDoubt');
      throw error;
    }
    transaction.settle(transaction.commitOutcome());
    return result;
  }

  private async start(original: () => Promise<void>): Promise<void> {
    if (this.depth > 0) return this.savepoint(`SAVEPOINT typeorm_${this.depth}`, original);
    // A transaction that nobody ended, on a runner that is used again.
    this.current?.settle('inDoubt');
    this.current = undefined;
    return original();
  }

  private async commit(original: () => Promise<void>): Promise<void> {
    const transaction = this.current;
    const { depth } = this;
    if (!transaction || transaction.settled) return original();
    if (depth > 1) {
      await this.savepoint(`RELEASE SAVEPOINT typeorm_${depth - 1}`, original);
      transaction.savepointReleased(depth);
      return;
    }

    transaction.closed = true;
    await transaction.startsSettled();
    transaction.assertCommittable();
    this.expected = 'COMMIT';
    try {
      await original();
    } finally {
      this.expected = undefined;
    }
  }

  private async rollback(original: () => Promise<void>): Promise<void> {
    const transaction = this.current;
    const { depth } = this;
    if (!transaction || transaction.settled) return original();
    if (depth > 1) {
      transaction.checkConnection();
      await this.savepoint(`ROLLBACK TO SAVEPOINT typeorm_${depth - 1}`, original);
      transaction.savepointRolledBack(depth);
      return;
    }

    transaction.closed = true;
    await transaction.startsSettled();
    // Somebody may have committed it on the raw connection, which is no rollback any more.
    transaction.checkConnection();
    this.expected = 'ROLLBACK';
    try {
      await original();
    } finally {
      this.expected = undefined;
      // A ROLLBACK that failed changes nothing: without a COMMIT, the server rolls back by itself.
      transaction.settle(transaction.commitSent ? 'inDoubt' : 'rolledBack');
    }
  }

  private async release(original: () => Promise<void>): Promise<void> {
    // On SQLite releasing closes nothing, and the shared runner may be in somebody's transaction.
    if (this.type !== 'better-sqlite3') this.current?.settle('inDoubt');
    return original();
  }

  private async savepoint(statement: string, original: () => Promise<void>): Promise<void> {
    await this.current?.startsSettled();
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

const watches = new WeakMap<QueryRunnerLike, RunnerWatch>();
