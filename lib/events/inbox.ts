import { isName, NAME_RULE } from '../core/name.js';
import type { EntityManagerLike, QueryRunnerLike } from '../core/transactions/typeorm.types.js';
import { InboxTransactionError, InvalidOptionError, MessageIdMissingError } from '../errors/index.js';
import type { InboxStore, MessageKey } from '../store/inbox-store.js';
import { QueryRunnerObserver } from '../transactions/query-runner.observer.js';
import type { AmbientFrame } from '../transactions/surroundings.js';
import type { InboxPlace } from './inbox-place.js';

/**
 * A message as the inbox knows it.
 *
 * @publicApi
 */
export interface ReceivedMessage {
  /** Who receives: each consumer receives a message once. 1 to 255 characters. */
  readonly consumer: string;
  /** The id of the message, as `messageIdOf()` finds it, or a webhook's own id. Of any length, and compared exactly. */
  readonly id: string | undefined;
}

/**
 * What `receive()` tells: the result of the work, or that the message has been received before.
 *
 * @publicApi
 */
export type Received<T> =
  { readonly duplicate: false; readonly value: T } | { readonly duplicate: true; readonly value?: undefined };

type Work<T> = (manager: EntityManagerLike) => Promise<T> | T;

/**
 * Receives each message once: the mark of the message and the work commit together.
 *
 * @publicApi
 */
export class Inbox {
  /** Savepoints of one transaction can only be nested: who comes second under it waits. */
  private readonly turns = new WeakMap<AmbientFrame, Promise<unknown>>();

  /** @internal Made by the library. */
  constructor(private readonly place: InboxPlace) {}

  /**
   * Runs the work unless the message was received before. The work must use the manager that it is given: an injected repository
   * writes outside of the transaction, `manager.withRepository(repository)` inside of it. Jobs that it starts commit with it.
   *
   * In a transaction around the call, mark and work stand under a savepoint of it: acknowledge the message when that transaction has
   * committed. Otherwise they have a transaction of their own, and are committed when the promise resolves. Two deliveries at once: one
   * runs, the other waits.
   *
   * After any error, let the broker deliver the message again: nothing is marked, or it was committed and is a duplicate then.
   *
   * @throws MessageIdMissingError for a message without an id.
   * @throws InvalidOptionError for a consumer that is no name.
   * @throws InboxTransactionError in a transaction of another `DataSource`, and in one that cannot be joined.
   * @throws TransactionConflictError when another delivery was in the way, StatementTimeoutError when it was for too long.
   * @throws DataSourceNotFoundError, AmbiguousDataSourceError, SchemaOutdatedError, TablesMissingError when there is nowhere to mark it.
   * @throws what the work throws.
   */
  async receive<T, TManager extends EntityManagerLike = EntityManagerLike>(
    message: ReceivedMessage,
    work: (manager: TManager) => Promise<T> | T,
  ): Promise<Received<T>> {
    const key = { ...checked(message), keptFor: this.place.retention };
    const frame = this.place.around();
    const store = await this.place.open(frame);
    return frame
      ? this.inTurn(frame, () => underSavepoint(frame, store, key, work as Work<T>))
      : inOwnTransaction(store, key, work as Work<T>);
  }

  private inTurn<T>(frame: AmbientFrame, work: () => Promise<T>): Promise<T> {
    const turn = (this.turns.get(frame) ?? Promise.resolve()).then(work, work);
    this.turns.set(frame, turn);
    return turn;
  }
}

function checked({ consumer, id }: ReceivedMessage): MessageKey {
  if (!isName(consumer)) throw new InvalidOptionError('consumer', consumer, NAME_RULE);
  if (typeof id !== 'string' || id === '') throw new MessageIdMissingError(consumer);
  return { consumer, id };
}

function underSavepoint<T>(
  frame: AmbientFrame,
  store: InboxStore,
  message: MessageKey,
  work: Work<T>,
): Promise<Received<T>> {
  // While this one waited for its turn, or for the table.
  if (frame.ended) return Promise.reject(InboxTransactionError.ended());
  return transact(frame.manager, store, message, work, (runner) => store.mark(runner, message));
}

/**
 * A transaction may be gone although its COMMIT has no error: PostgreSQL answers ROLLBACK after a failed statement, MySQL has rolled back
 * after a deadlock. The message would be acknowledged then, and lost.
 */
async function inOwnTransaction<T>(
  store: InboxStore,
  message: MessageKey,
  work: Work<T>,
): Promise<Received<T>> {
  let outcome: 'committed' | 'rolledBack' | 'inDoubt' | undefined;
  const participant = {
    gid: message.id,
    committed: () => (outcome = 'committed'),
    rolledBack: () => (outcome = 'rolledBack'),
    inDoubt: () => (outcome = 'inDoubt'),
  };
  const { dialect } = store;
  const received = await transact(dialect.dataSource.manager, store, message, work, (runner) => {
    const observer = QueryRunnerObserver.of(runner, dialect);
    return observer.enlist(participant, () => store.mark(runner, message), observer.depth);
  });
  const kept = received.duplicate || outcome === 'committed';
  if (!kept && (outcome === 'rolledBack' || !(await store.isMarked(message))))
    throw InboxTransactionError.lost();
  return received;
}

async function transact<T>(
  manager: EntityManagerLike,
  store: InboxStore,
  message: MessageKey,
  work: Work<T>,
  mark: (runner: QueryRunnerLike) => Promise<boolean>,
): Promise<Received<T>> {
  let failure: { readonly error: unknown } | undefined;
  try {
    return (await manager.transaction(async (inner: EntityManagerLike): Promise<Received<T>> => {
      if (!(await mark(inner.queryRunner!))) return { duplicate: true };
      try {
        return { duplicate: false, value: await work(inner) };
      } catch (error) {
        failure = { error };
        throw error;
      }
    })) as Received<T>;
  } catch (error) {
    throw failure ? failure.error : store.errorOf(message, error);
  }
}
