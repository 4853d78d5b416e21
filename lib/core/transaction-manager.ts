import type { JobMessage } from './jobs/job-message.js';
import type { TransactionContext } from './transactions/transaction-context.js';

/**
 * What a transaction manager hands out for a prepared job and gets back with the end of its transaction.
 * Managers extend it with what they need to remember.
 *
 * @publicApi
 */
export interface PreparedJob {
  /**
   * True when the job was written in the transaction itself and so shares its fate. Otherwise the
   * transaction needs a barrier row, by which the manager can ask how it ended.
   */
  readonly enlisted: boolean;
}

/**
 * Keeps jobs and sees them through: the strategy behind `SteppingModule.forRoot({ transactionManager })`.
 *
 * The protocol is the two-phase message of DTM: prepare, the local transaction with its barrier, submit.
 *
 * @publicApi
 */
export abstract class TransactionManager {
  /**
   * Called once, when all providers of the application exist and before any of its lifecycle hooks. Jobs may
   * be started from then on.
   */
  async initialize(): Promise<void> {}

  /** Called at the end of the application's bootstrap: steps may run from now on. */
  async start(): Promise<void> {}

  /** Called at shutdown, before database pools are closed: claim nothing, end what runs, leave no lease behind. */
  async stop(): Promise<void> {}

  /**
   * P1: makes the job known before its transaction commits. It must not run yet.
   *
   * @throws DuplicateGidError when the gid belongs to another job.
   */
  abstract prepare(message: JobMessage, transaction: TransactionContext): Promise<PreparedJob>;

  /**
   * P4: the transaction is committed, the job may run. Called without `prepared` for a job outside any
   * transaction, which must be durable when the promise resolves. With it, a failure concerns nobody but the
   * manager: the job is safe, and what was not submitted is found by asking the barrier.
   */
  abstract submit(message: JobMessage, prepared?: PreparedJob): Promise<void>;

  /** The transaction is rolled back: forget the job. Best effort, like `submit` after a commit. */
  abstract abort(message: JobMessage, prepared: PreparedJob): Promise<void>;

  /**
   * Nobody can say how the transaction of an enlisted job ended: look it up, and run it only if it is there.
   * The default does nothing, which leaves the job to recovery.
   */
  async inDoubt(_message: JobMessage, _prepared: PreparedJob): Promise<void> {}
}
