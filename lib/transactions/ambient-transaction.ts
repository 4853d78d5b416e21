import { AsyncLocalStorage } from 'node:async_hooks';
import type {
  DataSourceLike,
  EntityManagerLike,
  QueryRunnerLike,
} from '../core/transactions/typeorm.types.js';
import type { SerialGate } from '../store/connections/serial-gate.js';

/** A call of `transaction()` around the current code. It may have ended while the code goes on. */
export interface AmbientFrame {
  readonly dataSource: DataSourceLike;
  readonly runner: QueryRunnerLike;
  readonly parent: AmbientFrame | undefined;
  /** The callback has settled. What still runs under this frame was not awaited. */
  ended: boolean;
  /** `dataSource.manager` resolved to this transaction when its callback began, as typeorm-transactional makes it do. */
  managed: boolean;
}

const frames = new AsyncLocalStorage<AmbientFrame>();
const observed = new WeakSet<object>();

/** Whether the caller runs inside a `transaction()` of this `DataSource` that is still open. */
export function insideTransactionOf(dataSource: DataSourceLike): boolean {
  for (let frame = frames.getStore(); frame; frame = frame.parent) {
    if (frame.dataSource === dataSource && !frame.ended) return true;
  }
  return false;
}

/**
 * The innermost transaction around the caller, even if it has ended. Undefined when there is none, or when it is
 * suspended.
 *
 * typeorm-transactional suspends a transaction (NOT_SUPPORTED) by making `dataSource.manager` the plain manager again;
 * the frame does not change.
 */
export function ambientFrame(): AmbientFrame | undefined {
  const frame = frames.getStore();
  if (!frame || frame.ended || !frame.managed) return frame;
  const { queryRunner } = frame.dataSource.manager;
  if (!queryRunner) return undefined;
  if (queryRunner === frame.runner) return frame;
  // A method running concurrently has set the manager. The caller's statements go to its transaction too.
  return openFrame(frame.dataSource, queryRunner);
}

/** Creates the frame of the transaction that is open on `runner`. Whoever ends the transaction sets `ended`. */
export function openFrame(dataSource: DataSourceLike, runner: QueryRunnerLike): AmbientFrame {
  return { dataSource, runner, parent: frames.getStore(), ended: false, managed: false };
}

/** Runs `work` as the callback of a transaction. */
export function runInFrame<T>(frame: AmbientFrame, work: () => T): T {
  return frames.run(frame, () => {
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
}

type Transaction = EntityManagerLike['transaction'];

/** Wraps `transaction()` of managers. There is one manager per query runner, so managers with the same method share a wrapper. */
function transactionWrapper(
  dataSource: DataSourceLike,
  gate: SerialGate | undefined,
): (manager: EntityManagerLike) => void {
  let original: Transaction | undefined;
  let framed: Transaction;
  return (manager) => {
    if (observed.has(manager.transaction)) return;
    if (manager.transaction !== original) {
      original = manager.transaction;
      framed = framedTransaction(dataSource, gate, original);
      observed.add(framed);
    }
    Object.assign(manager, { transaction: framed });
  };
}

function framedTransaction(
  dataSource: DataSourceLike,
  gate: SerialGate | undefined,
  original: Transaction,
): Transaction {
  return function transaction(this: EntityManagerLike, ...args: unknown[]) {
    const at = args.findIndex((arg) => typeof arg === 'function');
    if (at < 0) return original.apply(this, args);
    const callback = args[at] as (manager: EntityManagerLike) => Promise<unknown>;
    const framed = async (inner: EntityManagerLike) => {
      const frame = openFrame(dataSource, inner.queryRunner!);
      try {
        return await runInFrame(frame, () => callback(inner));
      } finally {
        frame.ended = true;
      }
    };
    const call = () => original.apply(this, args.with(at, framed));
    return gate && !insideTransactionOf(dataSource) ? gate.run(call) : call();
  };
}
