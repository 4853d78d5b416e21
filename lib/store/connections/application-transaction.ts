import { withoutData } from '../../errors/data-in-errors.js';
import {
  JobOutsideTransactionError,
  StatementTimeoutError,
  TransactionConflictError,
} from '../../errors/index.js';
import type { QueryRunnerLike, StructuredResult } from '../../core/transactions/typeorm.types.js';
import type { Dialect } from '../dialect.js';
import { inTime } from './in-time.js';
import type { Statement, StatementResult } from './internal.connection.js';
import { throughTypeOrm } from './statement-log.js';

const turns = new WeakMap<QueryRunnerLike, Promise<unknown>>();

/**
 * Runs a statement for the job `gid` in the transaction of the application that is open on `runner`.
 *
 * @throws TransactionConflictError when the database has given up the transaction; TablesMissingError when the library's
 * tables are gone; StatementTimeoutError, after which the connection is closed; other errors of the driver, without the data in them.
 */
export function runIn(
  dialect: Dialect,
  runner: QueryRunnerLike,
  gid: string,
  { sql, params }: Statement,
): Promise<StructuredResult> {
  return guarded(dialect, runner, gid, params, () => throughTypeOrm(runner, sql, params));
}

/** Reads rows in the same way. */
export function readIn(
  dialect: Dialect,
  runner: QueryRunnerLike,
  gid: string,
  { sql, params }: Statement,
): Promise<StatementResult> {
  return guarded(dialect, runner, gid, params, () => dialect.send(runner, sql, params));
}

async function guarded<T>(
  dialect: Dialect,
  runner: QueryRunnerLike,
  gid: string,
  params: readonly unknown[],
  work: () => Promise<T>,
): Promise<T> {
  // A loop of starts in one transaction is such a row of statements.
  if (dialect.gate) await dialect.gate.giveWay();
  try {
    return await inTurn(runner, () => inTime(dialect.statementTimeout, work()));
  } catch (error) {
    if (error instanceof StatementTimeoutError) {
      // Its transaction must not commit what arrives after all.
      void dialect.interrupt(runner);
      dialect.discard(runner);
    }
    if (dialect.errors.isReadOnly(error)) dialect.retire(runner);
    withoutData(error, params);
    const lost = dialect.lostTables(error);
    // The tables may have been created for this very job.
    if (lost && dialect.keepsSchema) throw new TransactionConflictError(gid, { cause: lost });
    if (lost) throw lost;
    if (dialect.errors.isTransient(error)) throw new TransactionConflictError(gid, { cause: error });
    throw error;
  }
}

/**
 * Inserts a row in the same way; false when its key is taken. `undo` deletes the row again when it turns out that no
 * transaction was open.
 *
 * @throws JobOutsideTransactionError when no transaction was open.
 */
export async function insertIn(
  dialect: Dialect,
  runner: QueryRunnerLike,
  gid: string,
  statement: Statement,
  undo: () => Promise<unknown>,
): Promise<boolean> {
  const result = await runIn(dialect, runner, gid, statement);
  if (!result.affected) return false;
  if (dialect.inTransactionAfter(result, runner) === false) {
    await undo();
    throw new JobOutsideTransactionError(gid);
  }
  return true;
}

/**
 * Jobs started with `Promise.all` share one connection, and `pg` takes one statement at a time. So each statement waits
 * for the library's earlier ones. The first one is sent in the same tick.
 */
function inTurn<T>(runner: QueryRunnerLike, send: () => Promise<T>): Promise<T> {
  const before = turns.get(runner);
  const turn = before === undefined ? send() : before.then(send, send);
  turns.set(runner, turn);
  const end = (): void => {
    if (turns.get(runner) === turn) turns.delete(runner);
  };
  turn.then(end, end);
  return turn;
}
