import type { ModuleMetadata, Provider, Type } from '@nestjs/common';
import type { JobMessage } from './jobs/job-message.js';
import type { TransactionContext } from './transactions/transaction-context.js';

/**
 * A transaction manager and what comes with it, for `SteppingModule.forRoot({ transactionManager })`. `selfTm()`
 * returns one.
 *
 * @publicApi
 */
export interface TransactionManagerStrategy {
  /** For messages. */
  readonly name: string;
  /** Modules that its providers need. */
  readonly imports?: ModuleMetadata['imports'];
  /** Must provide `TransactionManager` and `DistributedJobs`. May inject `StepRegistry` and `StepExecutor`. */
  readonly providers: readonly Provider[];
  /** Routes that it adds to the application. */
  readonly controllers?: readonly Type[];
}

/**
 * What a transaction manager returns for a prepared job, and is given again when the transaction has ended. Managers
 * extend it with what they need to remember.
 *
 * @publicApi
 */
export interface PreparedJob {
  /**
   * True when the job was written in the transaction itself and so shares its fate. Otherwise the library writes a
   * barrier row in the transaction, which tells the manager later how the transaction ended.
   */
  readonly enlisted: boolean;
  /**
   * The gid of the job's barrier rows: up to 128 printable ASCII characters. Give `StepExecutor.execute()` the same one.
   *
   * @default the gid of the job
   */
  readonly barrierGid?: string | undefined;
  /**
   * The calls that follow need no steps: the message of `submit()`, `abort()` and `inDoubt()` has none then. They may be large,
   * and would be kept until the transaction ends.
   *
   * @default false
   */
  readonly needsNoSteps?: boolean;
  /**
   * The same job, by a gid of the caller's own, was there already: `start()` tells `created: false`.
   *
   * @default false
   */
  readonly existing?: boolean;
}

/**
 * What a transaction manager may tell of a job that was submitted outside any transaction.
 *
 * @publicApi
 */
export interface SubmittedJob {
  /** Whether it was not there before. */
  readonly created: boolean;
}

/**
 * Keeps jobs and runs their steps. Extend it to write a strategy of your own; `Prepared` is what it remembers of a
 * prepared job.
 *
 * The protocol is DTM's two-phase message: prepare, the local transaction with its barrier, submit.
 *
 * @publicApi
 */
export abstract class TransactionManager<Prepared extends PreparedJob = PreparedJob> {
  /** Whether jobs survive the process; then a job needs a transaction, unless it says `'none'`. */
  get durable(): boolean {
    return true;
  }

  /**
   * Called once, when all providers of the application exist and before any of its lifecycle hooks. Jobs may
   * be started from then on.
   */
  async initialize(): Promise<void> {}

  /** Called at the end of the application's bootstrap: steps may run from now on. */
  async start(): Promise<void> {}

  /** Called at shutdown, before database pools are closed: stop taking jobs, and end the steps that run. */
  async stop(): Promise<void> {}

  /**
   * First phase: makes the job known before its transaction commits. It must not run yet.
   *
   * @throws DuplicateGidError when the gid belongs to another job.
   */
  abstract prepare(message: JobMessage, transaction: TransactionContext): Promise<Prepared>;

  /**
   * Second phase: the transaction is committed, and the job may run. An error is logged and reaches no caller; the manager
   * finds such a job later by asking the barrier.
   *
   * Without `prepared` the job is outside any transaction, and must be durable when the promise resolves. It resolves with
   * `{ created: false }` when the same job was there already.
   */
  abstract submit(message: JobMessage, prepared?: Prepared): Promise<SubmittedJob | void>;

  /** The transaction is rolled back: forget the job. An error is logged and reaches no caller. */
  abstract abort(message: JobMessage, prepared: Prepared): Promise<void>;

  /**
   * The transaction of an enlisted job ended, and nobody knows how: look the job up, and run it only if it is there.
   * The default does nothing, for managers that find such jobs by themselves.
   */
  async inDoubt(_message: JobMessage, _prepared: Prepared): Promise<void> {}
}
