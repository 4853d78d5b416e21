import type { QueryRunnerLike } from './typeorm.types.js';

/**
 * How the database of a transaction is found again by a process that never saw the transaction.
 *
 * It is stored with a prepared job, so it holds names only: no connection string, no secret.
 *
 * @publicApi
 */
export interface DatabaseLookup {
  /** The name of the `DataSource`. */
  readonly dataSource: string;
  /** The tenant, when one name stands for the databases of many tenants. */
  readonly tenant?: string;
}

/**
 * What a transaction tells those who took part in it. Exactly one of the three is called, once.
 *
 * @publicApi
 */
export interface TransactionParticipant {
  /** The id of the job that takes part. */
  readonly gid: string;
  /** The transaction is known to have been committed. */
  committed(): void;
  /** The transaction, or the savepoint that the job was started under, is known to have been rolled back. */
  rolledBack(): void;
  /** Nobody can say how it ended: the answer to a COMMIT was lost, or it was ended behind our back. */
  inDoubt(): void;
}

/**
 * An SQL statement with its parameters.
 *
 * @publicApi
 */
export interface SqlStatement {
  /** The text, with the placeholders of its database. */
  readonly sql: string;
  /** The values of the placeholders, in order. */
  readonly params: readonly unknown[];
}

/**
 * When a statement was sent.
 *
 * @publicApi
 */
export interface SentStatement {
  /** By `performance.now()`. */
  readonly sentAt: number;
  /** It has not been sent yet: this is when it was queued. */
  readonly waiting?: boolean;
}

/**
 * How a transaction ended, as its database tells.
 *
 * @publicApi
 */
export type TransactionOutcome = 'committed' | 'rolledBack';

/**
 * A database transaction that a job takes part in.
 *
 * The library brings the one for TypeORM. For another database library, extend this class and pass an
 * instance as `createJob({ transaction })`; the job then uses the two-phase protocol: it is prepared at the
 * transaction manager, `insertBarrier()` writes the row that decides between commit and rollback, and
 * after the commit it is submitted.
 *
 * @publicApi
 */
export abstract class TransactionContext {
  /** Where the barrier row is found again by a process that knows nothing of this transaction. */
  abstract readonly lookup: DatabaseLookup;

  /** The query runner of a TypeORM transaction, which lets a job be written in the transaction itself. */
  readonly queryRunner?: QueryRunnerLike;

  /** Throws `TransactionNotActiveError` or `TransactionEndedError` unless a job can still join. */
  abstract assertOpen(gid: string): void;

  /**
   * Runs the start of a job in this transaction. It is called synchronously by `start()`, so that a commit
   * or rollback which comes meanwhile can wait for it. When `work` fails while the commit waits, the commit
   * must fail too.
   */
  abstract enlist<T>(participant: TransactionParticipant, work: () => Promise<T>): Promise<T>;

  /**
   * Whether the connection says that the last statement ran outside the transaction, because somebody ended
   * it unseen. The default is that it does not tell.
   */
  get outside(): boolean {
    return false;
  }

  /**
   * Defers a statement of the job `gid` to the COMMIT: both are sent together, and the COMMIT fails if the statement
   * does. `sentAt` is the time it was sent, by `performance.now()`; before that, the time it was queued, and `waiting` is set. Returns
   * undefined where the statement has to be sent on its own, which is the default.
   */
  async defer(_gid: string, _statement: SqlStatement): Promise<SentStatement | undefined> {
    return undefined;
  }

  /**
   * Has `work` called just before the COMMIT, once with all the items that it was passed with, for the last statements of
   * the transaction. The COMMIT fails if it does. The default never calls it.
   */
  beforeCommit<T>(_work: (items: readonly T[]) => Promise<void>, _item: T): void {}

  /**
   * Makes sure that a barrier row can be written. Called before the job is prepared: between that and the row,
   * the transaction manager may already ask. The default does nothing.
   */
  async openBarrier(): Promise<void> {}

  /**
   * Writes the barrier row in this transaction.
   *
   * @param barrierGid the gid of the row, which the transaction manager has chosen: up to 128 printable ASCII characters,
   * compared exactly. A gid of the caller's own is another one here, so that the rows of other applications in the same
   * table do not answer for it.
   * @param gid the gid of the job, for errors.
   * @throws DuplicateBarrierError when the row is there already: the transaction manager has given the job
   * up, and this transaction must not commit.
   */
  abstract insertBarrier(barrierGid: string, gid?: string): Promise<void>;

  /**
   * Asks the database how the transaction with the barrier row of `barrierGid` ended, outside any transaction, and settles
   * it for good when it has not been committed. It has `statementTimeout` to answer; then recovery asks the database.
   *
   * @throws UnresolvedTransactionError while it cannot be told.
   */
  abstract queryPrepared(barrierGid: string): Promise<TransactionOutcome>;
}

/**
 * A database of another library than TypeORM, as `dataSourceResolver` gives it for jobs that were started with
 * a `TransactionContext`: it answers for their transactions after a crash.
 *
 * @publicApi
 */
export interface BarrierDatabase {
  /**
   * How the transaction ended whose row `insertBarrier(barrierGid)` has written: inserts the rollback row if no row is
   * there, then reads the row's reason.
   *
   * @throws UnresolvedTransactionError while it cannot be told. Any other error is reported, and it is asked again.
   */
  queryPrepared(barrierGid: string): Promise<TransactionOutcome>;
  /** Deletes the barrier rows of jobs that are known to have ended. */
  purge(barrierGids: readonly string[]): Promise<void>;
}

export function isBarrierDatabase(value: unknown): value is BarrierDatabase {
  const candidate = value as Partial<BarrierDatabase> | null | undefined;
  return typeof candidate?.queryPrepared === 'function' && typeof candidate.purge === 'function';
}
