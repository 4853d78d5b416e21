import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSourceLike, QueryRunnerLike } from '../core/transactions/typeorm.types.js';
import { UNPATCHED } from '../store/connections/pooled.connection.js';
import { ConnectionInTransactionError } from '../errors/index.js';
import { begunOn, depthOf, enterGuard, insideTransactionOf, openOn } from './surroundings.js';

/** How long a transaction waits for another one on the only connection: `startTransaction()` at all, `transaction()` without a word. */
export const PATIENCE_MS = 5_000;
const PAUSE_MS = 10;

/** What `startTransaction()` of a guarded runner calls. */
export const BEGIN = Symbol('nestjs-stepping.begin');

export interface GuardedRunner extends QueryRunnerLike {
  [BEGIN]?: QueryRunnerLike['startTransaction'];
}

/**
 * Makes the query runners of a `DataSource` leave a guard in the context in which `startTransaction()` is called. Where all
 * callers share one connection (`serial`), one transaction waits there for the other.
 */
export function guardQueryRunners(dataSource: DataSourceLike, serial: boolean): void {
  const create = dataSource.createQueryRunner;
  const own = Object.hasOwn(dataSource, 'createQueryRunner') ? create : undefined;
  // Libraries for tests replace the method of the class, at any time, to keep one transaction around everything.
  const { prototype } = dataSource.constructor as { prototype: DataSourceLike };
  function createQueryRunner(this: DataSourceLike, ...args: ['master' | 'slave' | undefined]): GuardedRunner {
    const runner = (own ?? prototype.createQueryRunner).apply(this, args) as GuardedRunner;
    // The same one for everybody, on an only connection.
    if (!runner[BEGIN]) guardTransactions(dataSource, runner, serial);
    return runner;
  }
  Object.assign(dataSource, { createQueryRunner: Object.assign(createQueryRunner, { [UNPATCHED]: create }) });
}

function guardTransactions(dataSource: DataSourceLike, runner: GuardedRunner, serial: boolean): void {
  runner[BEGIN] = runner.startTransaction;
  // Not async: the context that is set here has to be the caller's.
  const startTransaction = (isolation?: unknown): Promise<void> => {
    const waits = serial && runner.isTransactionActive && !insideTransactionOf(dataSource);
    const guard = enterGuard(dataSource, runner);
    const where = serial ? firstOwnLine(stackAbove(startTransaction)) : undefined;
    const begin = (): Promise<void> => {
      const transaction = begunOn(runner);
      if (where !== undefined) transaction.where ??= where;
      guard?.begin(transaction);
      const isFirst = serial && !runner.isTransactionActive;
      const begun = runner[BEGIN]!(isolation);
      return isFirst ? begun.catch((error: unknown) => forgetUnbegun(runner, error)) : begun;
    };
    return waits ? connectionFree(runner).then(begin) : begin();
  };
  Object.assign(runner, { startTransaction });
}

/**
 * Waits until no transaction is open on the only connection.
 *
 * @throws ConnectionInTransactionError when that takes too long, and at once when nobody knows whose it is.
 */
export async function connectionFree(runner: QueryRunnerLike): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (runner.isTransactionActive) {
    const holder = openOn(runner);
    if (!holder || performance.now() >= deadline) throw new ConnectionInTransactionError(holder?.where);
    await sleep(PAUSE_MS);
  }
}

/**
 * TypeORM says that a transaction is active before it sends BEGIN, and goes on saying so when that fails. On the only
 * connection everybody else would wait for its end.
 */
function forgetUnbegun(runner: QueryRunnerLike, error: unknown): never {
  if (depthOf(runner) === 0) Object.assign(runner, { isTransactionActive: false });
  throw error;
}

/** A stack, which becomes a text only when it is read. */
export interface Stack {
  readonly stack?: string;
}

/** The stack of who has called `callee`. */
export function stackAbove(callee: (...args: any[]) => unknown): Stack {
  const at: Stack = {};
  Error.captureStackTrace(at, callee);
  return at;
}

/** The first line of the stack that is the application's own. */
export function firstOwnLine({ stack = '' }: Stack): string {
  const lines = stack.split('\n').slice(1);
  return (lines.find((line) => !/node_modules|node:internal/.test(line)) ?? lines[0] ?? '').trim();
}
