import type {
  DataSourceLike,
  EntityManagerLike,
  QueryRunnerLike,
} from '../core/transactions/typeorm.types.js';
import type { SerialGate } from '../store/connections/serial-gate.js';
import { LineLogger } from '../core/line-logger.js';
import { detached } from '../core/detached.js';
import {
  connectionFree,
  firstOwnLine,
  guardQueryRunners,
  PATIENCE_MS,
  stackAbove,
  type Stack,
} from './guarded-runners.js';
import {
  AmbientFrame,
  innermost,
  insideTransactionOf,
  inTransactionCall,
  runUnder,
  TransactionGuard,
} from './surroundings.js';

const logger = new LineLogger('Transactions');
const observed = new WeakSet<object>();

/**
 * The innermost transaction around the caller, even if it has ended. Undefined when there is none, or when it is
 * suspended; `guarded` inside one that was begun with `startTransaction()` and is still open.
 *
 * typeorm-transactional suspends a transaction (NOT_SUPPORTED) by making `dataSource.manager` the plain manager again;
 * the frame does not change.
 */
export function ambientFrame(): AmbientFrame | 'guarded' | undefined {
  const frame = innermost();
  if (frame instanceof TransactionGuard) return 'guarded';
  if (!frame || frame.ended || !frame.managed) return frame;
  const { queryRunner } = frame.dataSource.manager;
  if (!queryRunner) return undefined;
  if (queryRunner === frame.runner) return frame;
  // A method running concurrently has set the manager. The caller's statements go to its transaction too.
  return openFrame(frame.dataSource, queryRunner);
}

/** Creates the frame of the transaction that is open on `runner`. Whoever ends the transaction sets `ended`. */
export function openFrame(
  dataSource: DataSourceLike,
  runner: QueryRunnerLike,
  manager = managerOf(runner),
): AmbientFrame {
  return new AmbientFrame(dataSource, runner, manager);
}

function managerOf(runner: QueryRunnerLike): EntityManagerLike {
  return (runner as QueryRunnerLike & { readonly manager: EntityManagerLike }).manager;
}

/** Runs `work` as the callback of a transaction. */
export function runInFrame<T>(frame: AmbientFrame, work: () => T): T {
  return runUnder(frame, () => {
    const result = work();
    // By now the callback's synchronous part has run, in which such a library sets the manager.
    frame.managed = frame.dataSource.manager.queryRunner === frame.runner;
    return result;
  });
}

/**
 * Lets jobs find the transaction around them: wraps `transaction()` of the entity managers of a `DataSource`. It wraps
 * instances, never a prototype, and never twice.
 */
export function observeTransactions(dataSource: DataSourceLike, gate: SerialGate | undefined): void {
  if (observed.has(dataSource)) return;
  observed.add(dataSource);
  const wrapTransaction = transactionWrapper(dataSource, gate);
  wrapTransaction(dataSource.manager);
  // Query runners get their managers from here, so `queryRunner.manager.transaction()` is covered too.
  const create = dataSource.createEntityManager;
  Object.assign(dataSource, {
    createEntityManager(this: DataSourceLike, ...args: [unknown?]) {
      const manager = create.apply(this, args);
      wrapTransaction(manager);
      return manager;
    },
  });
  guardQueryRunners(dataSource, gate !== undefined);
}

type Transaction = EntityManagerLike['transaction'];

/** Wraps `transaction()` of managers. There is one manager per query runner, so managers with the same method share a wrapper. */
function transactionWrapper(
  dataSource: DataSourceLike,
  gate: SerialGate | undefined,
): (manager: EntityManagerLike) => void {
  const queue: TransactionQueue = { waiting: 0 };
  let original: Transaction | undefined;
  let framed: Transaction;
  return (manager) => {
    if (observed.has(manager.transaction)) return;
    if (manager.transaction !== original) {
      original = manager.transaction;
      framed = framedTransaction(dataSource, gate, queue, original);
      observed.add(framed);
    }
    Object.assign(manager, { transaction: framed });
  };
}

/** The calls of `transaction()` that wait for their turn on the only connection. */
interface TransactionQueue {
  waiting: number;
}

function framedTransaction(
  dataSource: DataSourceLike,
  gate: SerialGate | undefined,
  queue: TransactionQueue,
  original: Transaction,
): Transaction {
  return function transaction(this: EntityManagerLike, ...args: unknown[]) {
    const at = args.findIndex((arg) => typeof arg === 'function');
    if (at < 0) return original.apply(this, args);
    const callback = args[at] as (manager: EntityManagerLike) => Promise<unknown>;
    const framed = async (inner: EntityManagerLike) => {
      const frame = openFrame(dataSource, inner.queryRunner!, inner);
      try {
        return await runInFrame(frame, () => callback(inner));
      } finally {
        frame.ended = true;
      }
    };
    const call = () => inTransactionCall(dataSource, () => original.apply(this, args.with(at, framed)));
    if (!gate || insideTransactionOf(dataSource)) return call();
    const caller = stackAbove(transaction);
    queue.waiting += 1;
    return gate.run(async () => {
      try {
        await connectionFree(dataSource.createQueryRunner() as QueryRunnerLike);
      } finally {
        queue.waiting -= 1;
      }
      const end = watchHolder(queue, caller);
      try {
        return await call();
      } finally {
        end();
      }
    });
  };
}

/** Tells once that others wait for the transaction that begins: it is the application's own, which nothing bounds. */
function watchHolder(queue: TransactionQueue, caller: Stack): () => void {
  const since = performance.now();
  const timer = detached(() => setInterval(tell, PATIENCE_MS)).unref();
  function tell(): void {
    if (queue.waiting === 0) return;
    clearInterval(timer);
    const taken = Math.round((performance.now() - since) / PATIENCE_MS) * PATIENCE_MS;
    logger.warn(
      `A transaction is still open after ${taken} ms, and others wait for its end: an SQLite DataSource is one connection. ` +
        `It began ${firstOwnLine(caller)}.`,
    );
  }
  return () => clearInterval(timer);
}
