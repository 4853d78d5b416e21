import { because } from './error-text.js';
import { describeList, describeValue, keepUnseen, SteppingError, type ErrorCause } from './stepping.error.js';

/**
 * The `transaction` of a job is a manager or runner that has no active transaction.
 *
 * @publicApi
 */
export class TransactionNotActiveError extends SteppingError {
  constructor(/** What was passed, such as `EntityManager`. */ readonly what: string) {
    super(
      'TransactionNotActiveError',
      `The ${what} passed as 'transaction' has no active transaction. Pass the manager that transaction() gives to ` +
        'its callback, or call startTransaction() on the QueryRunner before the job is started.',
    );
  }
}

/**
 * A job was started in a transaction that has ended, by work that nobody awaited.
 *
 * @publicApi
 */
export class TransactionEndedError extends SteppingError {
  constructor(/** The id of the job. */ readonly gid: string) {
    super(
      'TransactionEndedError',
      `Job '${gid}' was started in a transaction that has already ended. Await the work inside the transaction, or ` +
        "start the job on its own with createJob({ transaction: 'none' }).",
    );
  }
}

/**
 * A job was started outside any transaction, or in one that cannot be seen, and `requireTransaction` is on. A step that
 * throws it is not tried again.
 *
 * @publicApi
 */
export class TransactionRequiredError extends SteppingError {
  constructor(
    /** The id of the job. */
    readonly gid: string,
    /** Where the job was started, as a line of the stack; empty when that is not known. */
    readonly where = '',
    /** The call that started it, up to its options. */
    call = 'createJob(',
  ) {
    super(
      'TransactionRequiredError',
      `Job '${gid}' was started outside any transaction, or in one that Stepping cannot see${where && ` (${where})`}. ` +
        'Start it inside dataSource.transaction() of a DataSource of the application, pass the QueryRunner or manager: ' +
        `${call}{ transaction }), say ${call}{ transaction: 'none' }) for a job of its own, or set the module's ` +
        "'requireTransaction' to false.",
    );
  }
}

/**
 * A job was started, without naming it, in a transaction that was begun with `startTransaction()` on a query runner, as
 * `save()` does for its subscribers. A step that throws it is not tried again.
 *
 * @publicApi
 */
export class TransactionNotPassedError extends SteppingError {
  constructor(/** The id of the job. */ readonly gid: string) {
    super(
      'TransactionNotPassedError',
      `Job '${gid}' was started where a transaction begun with queryRunner.startTransaction() is open, as inside ` +
        'save() and its subscribers. Pass it: createJob({ transaction: queryRunner }), event.queryRunner in a ' +
        "subscriber, or say createJob({ transaction: 'none' }) for a job of its own.",
    );
  }
}

/**
 * A job was started in a transaction on whose connection a stream, or a COPY, is open. Nothing was written.
 *
 * @publicApi
 */
export class ConnectionStreamingError extends SteppingError {
  constructor(/** The id of the job. */ readonly gid: string) {
    super(
      'ConnectionStreamingError',
      `Job '${gid}' cannot be started while a stream, or a COPY, is open on the connection of its transaction: it would ` +
        'wait for the end of the stream, which waits for the job. End the COPY first; read the rows first, in pages if ' +
        'they are many, or read the stream on a query runner of its own.',
    );
  }
}

/**
 * A transaction could not begin on an SQLite `DataSource`, whose only connection has one open that does not end.
 *
 * @publicApi
 */
export class ConnectionInTransactionError extends SteppingError {
  constructor(
    /** Where the open transaction began, as a line of the stack; undefined when nobody knows. */ readonly began?: string,
  ) {
    super(
      'ConnectionInTransactionError',
      'A transaction cannot begin: an SQLite DataSource is one connection, and another transaction is open on it, ' +
        (began === undefined
          ? 'whose beginning was not seen. '
          : `which began ${began} and did not end in time. `) +
        'End that one first, or use dataSource.transaction(), which waits for its turn.',
    );
  }
}

/**
 * A job without a transaction was started while a transaction is open on the same SQLite connection.
 *
 * @publicApi
 */
export class StandaloneJobInTransactionError extends SteppingError {
  constructor(/** The id of the job. */ readonly gid: string) {
    super(
      'StandaloneJobInTransactionError',
      `Job '${gid}' cannot be started on its own while a transaction is open: an SQLite DataSource is one ` +
        "connection, so that the job would become part of that transaction. Leave out 'transaction', pass the " +
        'open one, or start the job after the commit.',
    );
  }
}

/**
 * The transaction manager was told that this job's transaction is rolled back before it could insert
 * its barrier, so that the transaction must not commit.
 *
 * @publicApi
 */
export class DuplicateBarrierError extends SteppingError {
  constructor(/** The id of the job. */ readonly gid: string) {
    super(
      'DuplicateBarrierError',
      `Job '${gid}' cannot take part in this transaction: the transaction manager has rolled it back, or another ` +
        'transaction has started a job of this gid. Roll the transaction back and repeat it.',
    );
  }
}

/**
 * A job that belongs to a transaction was written outside of it: the transaction had ended under the
 * caller's hands. The job has been deleted and never runs.
 *
 * @publicApi
 */
export class JobOutsideTransactionError extends SteppingError {
  constructor(/** The id of the job. */ readonly gid: string) {
    super(
      'JobOutsideTransactionError',
      `Job '${gid}' was written after its transaction had ended (a deadlock, or a COMMIT or ROLLBACK sent by hand), ` +
        'and has been removed. Repeat the whole transaction, and end it only through TypeORM.',
    );
  }
}

/**
 * The database gave this transaction up in favour of another one: a serialization failure, a deadlock, or a lock that was not free in
 * time.
 *
 * @publicApi
 */
export class TransactionConflictError extends SteppingError {
  constructor(
    /** The id of the job; of the message, where `Inbox.receive()` throws it. */
    readonly gid: string,
    options?: ErrorCause,
    message = `Job '${gid}' could not be written because its transaction conflicts with another one. Roll the transaction ` +
      'back and repeat the whole of it.',
  ) {
    super('TransactionConflictError', message, options);
  }

  /** @internal The transaction was that of a message. */
  static ofMessage(consumer: string, id: string, options: ErrorCause): TransactionConflictError {
    return new TransactionConflictError(
      id,
      options,
      `The message ${describeValue(id)} for '${consumer}' could not be received because its transaction conflicts with ` +
        'another one, such as that of another delivery. Roll back what is around it, and deliver the message again.',
    );
  }
}

/**
 * A commit was refused because a job started in the transaction could not be written. The transaction
 * is to be rolled back.
 *
 * @publicApi
 */
export class CommitRefusedError extends SteppingError {
  constructor(
    /** The ids of the jobs that could not be written. */
    readonly gids: readonly string[],
    options?: ErrorCause,
  ) {
    super(
      'CommitRefusedError',
      `The transaction cannot be committed, because starting ${describeList(gids, 'its jobs')} failed in it` +
        `${because(options)}. Await start(), and let its errors end the transaction.`,
      options,
    );
  }
}

/**
 * What was passed as the `transaction` of a job is none of the things that it may be.
 *
 * @publicApi
 */
export class InvalidTransactionError extends SteppingError {
  /** What was passed. It may hold secrets, so that it is not printed with the error. */
  declare readonly value: unknown;

  constructor(value: unknown) {
    super(
      'InvalidTransactionError',
      "createJob({ transaction }) takes an EntityManager, a QueryRunner, a TransactionContext or 'none'; " +
        `got ${describeValue(value)}.`,
    );
    keepUnseen(this, 'value', value);
  }
}
