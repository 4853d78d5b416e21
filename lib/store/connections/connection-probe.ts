import type { SqlStatement } from '../../core/transactions/transaction-context.js';

/**
 * What a driver's connection itself tells about its transaction, whatever TypeORM believes.
 *
 * TypeORM's subscriber hooks say that COMMIT was sent, not what came back: PostgreSQL answers the COMMIT of a failed
 * transaction with `ROLLBACK` and no error, and raw transaction control ends a transaction that TypeORM still
 * counts as open.
 */
export interface ConnectionProbe {
  /** Whether the connection was in a transaction after its last statement; undefined where it does not tell. */
  inTransaction(): boolean | undefined;
  /** How often the connection has been seen outside any transaction. */
  idleCount(): number;
  /** What the last COMMIT really did; undefined where the driver does not tell. */
  commitAnswer(): 'COMMIT' | 'ROLLBACK' | undefined;
  /** Whether a stream is being read on the connection: a statement would wait for its end, and so for whoever reads it. */
  streaming(): boolean;
  /** The statements that go out with the COMMIT, where the driver can send several at once. */
  readonly deferred?: DeferredStatements | undefined;
}

/** Nothing is known: every job is looked up before it runs. */
export const blindProbe: ConnectionProbe = {
  inTransaction: () => undefined,
  idleCount: () => 0,
  commitAnswer: () => undefined,
  streaming: () => false,
};

/** A statement that waits for the COMMIT of its transaction. */
export interface DeferredStatement extends SqlStatement {
  /** Called when it goes out. */
  sent(): void;
  /**
   * Called when it failed before the COMMIT was sent, or could not be sent, without an error, because there was no
   * transaction any more. The transaction must not commit.
   */
  refused(error?: unknown): void;
}

/** The statements of one connection that wait for the COMMIT of its transaction. */
export interface DeferredStatements {
  /** Whether the transaction is open and healthy, so that a statement can wait. */
  readonly open: boolean;
  /** Queues a statement. Returns the flush if the queue is full; it never rejects. */
  add(statement: DeferredStatement): Promise<void> | undefined;
  /** Forgets what waits: the transaction is rolled back, or gone. */
  drop(): void;
}
