import { SteppingError } from './stepping.error.js';

/**
 * A message cannot be received in this transaction, since its mark and its work would not commit together. Nothing is marked.
 *
 * @publicApi
 */
export class InboxTransactionError extends SteppingError {
  constructor(/** What is wrong with the transaction, and what to do. */ readonly problem: string) {
    super('InboxTransactionError', `Inbox.receive() cannot use the transaction: ${problem}`);
  }

  /** @internal It was begun on a query runner, which leaves a guard and no transaction that could be joined. */
  static begunByHand(): InboxTransactionError {
    return new InboxTransactionError(
      'the one around the call was begun with queryRunner.startTransaction(), as inside save() and its subscribers. Open it ' +
        'with dataSource.transaction(), or call receive() outside of it.',
    );
  }

  /** @internal It belongs to another database. */
  static ofAnother(around: string, inbox: string): InboxTransactionError {
    return new InboxTransactionError(
      `the one around the call belongs to the DataSource '${around}', and the inbox to '${inbox}'. Call receive() outside of ` +
        `it, or write SteppingEventsModule.forRoot({ dataSource: '${around}' }).`,
    );
  }

  /** @internal It was over when the mark was to be written. */
  static ended(): InboxTransactionError {
    return new InboxTransactionError(
      'the one around the call has already ended: work that nobody awaited, a deadlock, or a COMMIT or ROLLBACK sent by hand. ' +
        'Await receive() inside the transaction, and end it only through TypeORM.',
    );
  }

  /** @internal The COMMIT did nothing. */
  static lost(): InboxTransactionError {
    return new InboxTransactionError(
      'the database has rolled it back, since a statement of the work failed and its error was caught. Let errors of ' +
        'statements through, or send such a statement under a savepoint: manager.transaction().',
    );
  }
}
