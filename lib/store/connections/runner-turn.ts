import type { QueryRunnerLike } from '../../core/transactions/typeorm.types.js';

const turns = new WeakMap<QueryRunnerLike, Promise<unknown>>();

/**
 * Runs a statement on a query runner of the application after those that the library has under way there: jobs
 * started with `Promise.all` share its one connection, and `pg` takes one statement at a time. The first
 * one is sent at once, in the same tick.
 */
export function inTurn<T>(runner: QueryRunnerLike, send: () => Promise<T>): Promise<T> {
  const before = turns.get(runner);
  const turn = before === undefined ? send() : before.then(send, send);
  turns.set(runner, turn);
  const end = (): void => {
    if (turns.get(runner) === turn) turns.delete(runner);
  };
  turn.then(end, end);
  return turn;
}
