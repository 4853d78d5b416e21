import { because } from './error-text.js';
import { SteppingError, type ErrorCause } from './stepping.error.js';

/**
 * Another process may run the job now. It is the reason of the step's signal; whatever the step does
 * from here on, this process changes the job no more.
 *
 * @publicApi
 */
export class LeaseLostError extends SteppingError {
  constructor(/** The id of the job. */ readonly gid: string) {
    super(
      'LeaseLostError',
      `This process has lost its lease of job '${gid}': end the step now. If that happens often, raise ` +
        "'leaseDuration', and look for code that blocks the event loop.",
    );
  }
}

/**
 * The transaction manager, or the database behind it, cannot be reached.
 *
 * @publicApi
 */
export class TransactionManagerUnavailableError extends SteppingError {
  constructor(
    /** What cannot be reached. */
    readonly what: string,
    options?: ErrorCause,
  ) {
    super(
      'TransactionManagerUnavailableError',
      `${what} could not be used${because(options)}. If it is not the statement or the request itself, check that the server is ` +
        'running and reachable (on SQLite, that no other transaction holds the file, and that it can be opened), then try again.',
      options,
    );
  }
}

/**
 * A statement of the library, or the connection for it, was not there in time. The connection is closed, and what a
 * transaction on it had done is rolled back.
 *
 * @publicApi
 */
export class StatementTimeoutError extends SteppingError {
  constructor(/** Milliseconds. */ readonly timeout: number) {
    super(
      'StatementTimeoutError',
      `The database has not answered a statement, or given a connection for it, within ${timeout} ms; the connection ` +
        "is closed. Look at the network, the locks and the pool's size, or raise 'statementTimeout'.",
    );
  }
}

/**
 * It cannot be known yet whether the transaction of a prepared job commits.
 *
 * @publicApi
 */
export class UnresolvedTransactionError extends SteppingError {
  constructor(
    /** The id of the job. */
    readonly gid: string,
    /** Why it cannot be told yet. */
    readonly reason: string,
    options?: ErrorCause,
  ) {
    super(
      'UnresolvedTransactionError',
      `The transaction of job '${gid}' is not decided yet: ${reason}. Ask again later.`,
      options,
    );
  }
}

/**
 * A job was started, or looked for, before the application has been initialized.
 *
 * @publicApi
 */
export class SteppingNotReadyError extends SteppingError {
  /** @param blocked whether the initialization waits for the end of the caller's transaction. */
  constructor(blocked = false) {
    super(
      'SteppingNotReadyError',
      blocked
        ? 'Stepping is being initialized, and waits for the end of this transaction: SQLite has one connection. ' +
            'Roll back, and do it again when the application has started.'
        : 'Stepping is not initialized yet. Start jobs from onModuleInit on, not in constructors or provider factories; ' +
            'in a test, await app.init() first.',
    );
  }
}

/**
 * The database refuses, again and again, to store how far a job has come: a constraint or a trigger of the jobs' table,
 * for example. The job has failed, and can be retried when the cause is mended.
 *
 * @publicApi
 */
export class ProgressRefusedError extends SteppingError {
  constructor(
    /** The id of the job. */ readonly gid: string,
    options: ErrorCause,
  ) {
    super(
      'ProgressRefusedError',
      `The database refuses to store the progress of job '${gid}'. Its cause says why; look for constraints and triggers on ` +
        "the jobs' table, and retry the job with DistributedJobs.retry().",
      options,
    );
  }
}

/**
 * The transaction manager has no such operation.
 *
 * @publicApi
 */
export class OperationUnsupportedError extends SteppingError {
  constructor(/** What was called. */ readonly operation: string) {
    super(
      'OperationUnsupportedError',
      `${operation} is not supported by the transaction manager of this application. The self-TM supports it.`,
    );
  }
}
