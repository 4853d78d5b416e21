import { AsyncLocalStorage } from 'node:async_hooks';
import type {
  DataSourceLike,
  EntityManagerLike,
  QueryRunnerLike,
} from '../core/transactions/typeorm.types.js';
import { SerialGate } from '../store/connections/serial-gate.js';

/** One call of `transaction()` that the current code runs inside of, or has outlived. */
export interface AmbientFrame {
  readonly dataSource: DataSourceLike;
  readonly runner: QueryRunnerLike;
  readonly parent: AmbientFrame | undefined;
  /** The callback's promise has settled: what still runs under this frame has outlived its transaction. */
  ended: boolean;
  /** `dataSource.manager` stood for this transaction when its callback began (typeorm-transactional). */
  managed: boolean;
}

const frames = new AsyncLocalStorage<AmbientFrame>();
const observed = new WeakSet<object>();
const gates = new WeakMap<object, SerialGate>();

/** The lane in which the transactions of a SQLite `DataSource` run one after the other. */
export function gateOf(dataSource: DataSourceLike): SerialGate {
  let gate = gates.get(dataSource);
  if (!gate) gates.set(dataSource, (gate = new SerialGate()));
  return gate;
}

/** Whether the caller runs inside a `transaction()` of this `DataSource` that is still open. */
export function insideTransactionOf(dataSource: DataSourceLike): boolean {
  for (let frame = frames.getStore(); frame; frame = frame.parent) {
    if (frame.dataSource === dataSource && !frame.ended) return true;
  }
  return false;
}

/**
 * The innermost transaction around the caller, also one that has ended; undefined when there is none, or
 * when it is suspended.
 *
 * typeorm-transactional suspends a transaction (NOT_SUPPORTED) by letting `dataSource.manager` stand for
 * the plain manager again, while our frame is still around.
 */
export function ambientFrame(): AmbientFrame | undefined {
  const frame = frames.getStore();
  if (!frame || frame.ended || !frame.managed) return frame;
  const { queryRunner } = frame.dataSource.manager;
  if (!queryRunner) return undefined;
  if (queryRunner === frame.runner) return frame;
  // Its AsyncLocalStorage shows a method that runs beside the caller; the caller's rows go there as well.
  return openFrame(frame.dataSource, queryRunner);
}

/** Makes the frame of a transaction that is open on `runner`. Whoever ends the transaction marks it ended. */
export function openFrame(dataSource: DataSourceLike, runner: QueryRunnerLike): AmbientFrame {
  return { dataSource, runner, parent: frames.getStore(), ended: false, managed: false };
}

/** Runs `work` as the callback of a transaction. */
export function runInFrame<T>(frame: AmbientFrame, work: () => T): T {
  return frames.run(frame, () => {
    const result = work();
    // Whoever manages `dataSource.manager` has set it by now, in the callback's first synchronous part.
    frame.managed = frame.dataSource.manager.queryRunner === frame.runner;
    return result;
  });
}

/**
 * Makes the transactions of a `DataSource` known to the jobs that are started inside of them. It wraps
 * `transaction()` of its entity managers: the instances, never a prototype, never twice.
 */
export function observeTransactions(dataSource: DataSourceLike): void {
  if (observed.has(dataSource)) return;
  observed.add(dataSource);
  const wrapTransaction = transactionWrapper(dataSource);
  wrapTransaction(dataSource.manager);
  // Managers of query runners are made here, so that `queryRunner.manager.transaction()` is seen as well.
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

/** Wraps `transaction()` of managers. Each query runner has one: those that have the same method share its wrapper. */
function transactionWrapper(dataSource: DataSourceLike): (manager: EntityManagerLike) => void {
  let original: Transaction | undefined;
  let framed: Transaction;
  return (manager) => {
    if (observed.has(manager.transaction)) return;
    if (manager.transaction !== original) {
      original = manager.transaction;
      framed = framedTransaction(dataSource, original);
      observed.add(framed);
    }
    Object.assign(manager, { transaction: framed });
  };
}

function framedTransaction(dataSource: DataSourceLike, original: Transaction): Transaction {
  const serial = dataSource.options.type === 'better-sqlite3';
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
    return serial && !insideTransactionOf(dataSource) ? gateOf(dataSource).run(call) : call();
  };
}
