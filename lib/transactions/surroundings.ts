import { AsyncLocalStorage } from 'node:async_hooks';
import type {
  DataSourceLike,
  EntityManagerLike,
  QueryRunnerLike,
} from '../core/transactions/typeorm.types.js';

/** A transaction, or a part of one, that the current asynchronous context is in. */
export interface Surroundings {
  readonly dataSource: DataSourceLike;
  readonly parent: Surroundings | undefined;
  readonly ended: boolean;
  /** It was rolled back, or its callback has thrown, as far as that was seen. */
  readonly failed?: boolean;
}

/** A call of `transaction()` around the current code. It may have ended while the code goes on. */
export class AmbientFrame implements Surroundings {
  /** The callback has settled. What still runs under this frame was not awaited. */
  ended = false;
  failed = false;
  /** `dataSource.manager` resolved to this transaction when its callback began, as typeorm-transactional makes it do. */
  managed = false;
  /** How deep its transaction is on the runner: 1 unless it is a savepoint. */
  readonly depth: number;

  constructor(
    readonly dataSource: DataSourceLike,
    readonly runner: QueryRunnerLike,
    /** What statements in it are sent through: of a step, its facade. */
    readonly manager: EntityManagerLike,
    readonly parent = surroundings(),
  ) {
    this.depth = depthOf(runner);
  }

  /** The depth of the outermost frame around this one on the same runner. */
  get outermostDepth(): number {
    let { depth } = this;
    for (let around = this.parent; around; around = around.parent) {
      if (around instanceof AmbientFrame && !around.ended && around.runner === this.runner)
        ({ depth } = around);
    }
    return depth;
  }
}

/** `transactionDepth` is TypeORM's: 1 in the outermost transaction, one more per savepoint. */
export function depthOf(runner: QueryRunnerLike): number {
  return (runner as { transactionDepth?: number }).transactionDepth ?? 1;
}

/**
 * What a call of `transaction()` does beside its callback: the hooks of subscribers run here, also those that come after
 * the COMMIT.
 */
class TransactionCall implements Surroundings {
  ended = false;
  failed = false;
  /** Of the runner that `transaction()` has begun with `startTransaction()`. It is seen by the hooks only. */
  guard: TransactionGuard | undefined;

  constructor(
    readonly dataSource: DataSourceLike,
    readonly parent = surroundings(),
  ) {}
}

/**
 * A transaction that was begun with `startTransaction()` in this asynchronous context. It is never taken for the
 * transaction of a job: a context is inherited by siblings, and by whatever else begins in it.
 */
export class TransactionGuard implements Surroundings {
  private transaction: BegunTransaction | undefined;

  constructor(
    readonly dataSource: DataSourceLike,
    readonly runner: QueryRunnerLike,
    readonly parent: Surroundings | undefined,
  ) {}

  begin(transaction: BegunTransaction): void {
    this.transaction = transaction;
  }

  get ended(): boolean {
    const { runner, transaction } = this;
    return !transaction || runner.isReleased || openOn(runner) !== transaction;
  }

  get failed(): boolean {
    return this.transaction?.failed === true;
  }
}

/** The identity of a transaction, and where it began, if that is kept. */
export interface BegunTransaction {
  where?: string;
  /** It was rolled back, or to a savepoint. */
  failed?: boolean;
}

const contexts = new AsyncLocalStorage<Surroundings>();

/** On a query runner: the transaction that began last on it. There is a runner for each transaction, and a `WeakMap` of them is slow. */
const BEGUN = Symbol('nestjs-stepping.begun-transaction');

type BegunRunner = QueryRunnerLike & { [BEGUN]?: BegunTransaction };

/** The transaction that is open on a runner, or is about to begin. */
export function begunOn(runner: BegunRunner): BegunTransaction {
  return openOn(runner) ?? (runner[BEGUN] = {});
}

/** The transaction that is open on a runner, if its beginning was seen. */
export function openOn(runner: BegunRunner): BegunTransaction | undefined {
  return runner.isTransactionActive ? runner[BEGUN] : undefined;
}

/** What is around the caller. Ended guards would keep each other alive for as long as a client's connection lasts. */
export function surroundings(): Surroundings | undefined {
  let around = contexts.getStore();
  while (around?.ended && !(around instanceof AmbientFrame)) around = around.parent;
  return around;
}

/** The innermost frame or guard around the caller. */
export function innermost(): AmbientFrame | TransactionGuard | undefined {
  const around = surroundings();
  if (!(around instanceof TransactionCall)) return around as AmbientFrame | TransactionGuard | undefined;
  return around.guard?.ended === false ? around.guard : undefined;
}

/** The innermost call of `transaction()` around the caller that is open on this runner. */
export function frameOn(runner: QueryRunnerLike): AmbientFrame | undefined {
  for (let around = contexts.getStore(); around; around = around.parent)
    if (around instanceof AmbientFrame && !around.ended && around.runner === runner) return around;
  return undefined;
}

/** Whether the caller runs inside a transaction of this `DataSource` that is still open, or in a hook at its end. */
export function insideTransactionOf(dataSource: DataSourceLike): boolean {
  for (let around = contexts.getStore(); around; around = around.parent) {
    if (around.dataSource === dataSource && !around.ended) return true;
  }
  return false;
}

/** Whether the caller runs inside a transaction of any `DataSource` that is still open, or in a hook at its end. */
export function insideTransaction(): boolean {
  for (let around = contexts.getStore(); around; around = around.parent) if (!around.ended) return true;
  return false;
}

/** Tells later whether a transaction around the caller has failed. */
export function failureAround(): () => boolean {
  const open: Surroundings[] = [];
  for (let around = contexts.getStore(); around; around = around.parent) if (!around.ended) open.push(around);
  return () => open.some(({ failed }) => failed);
}

export function runUnder<T>(around: Surroundings, work: () => T): T {
  return contexts.run(around, work);
}

/** Runs what begins and ends a transaction by itself. */
export async function inTransactionCall<T>(dataSource: DataSourceLike, work: () => Promise<T>): Promise<T> {
  const call = new TransactionCall(dataSource);
  try {
    return await runUnder(call, work);
  } catch (error) {
    call.failed = true;
    throw error;
  } finally {
    call.ended = true;
  }
}

/** Leaves a guard in the caller's context, unless the transaction on this runner is known there. */
export function enterGuard(
  dataSource: DataSourceLike,
  runner: QueryRunnerLike,
): TransactionGuard | undefined {
  const around = surroundings();
  if (around instanceof TransactionCall)
    return (around.guard ??= new TransactionGuard(dataSource, runner, around.parent));
  if (innermost()?.runner === runner && !around?.ended) return undefined;
  const guard = new TransactionGuard(dataSource, runner, around);
  contexts.enterWith(guard);
  return guard;
}
