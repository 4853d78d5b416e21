import { faultPoint } from '../core/fault-point.js';
import type { AttemptRunner } from '../core/steps/attempt.runner.js';
import type { KnownAttempt, StepOutcome } from '../core/steps/step-attempt.js';
import { StepInterruptedError, StepTransactionLostError } from '../errors/index.js';
import type { DataSourceLike, QueryRunnerLike } from '../core/transactions/typeorm.types.js';
import type { Dialect } from '../store/dialect.js';
import type { TypeOrmDatabases } from './typeorm-databases.js';
import type { DoneMark } from './done-mark.js';
import { StepTransaction } from './step-transaction.js';
import { inTransactionCall } from './surroundings.js';

/**
 * The outcome of a transactional step. `stored`: its own transaction has told the transaction manager. `inDoubt`: it may
 * have been committed.
 */
export type TransactionalOutcome = StepOutcome & { readonly stored?: boolean; readonly inDoubt?: boolean };

/** Nothing of the step has run: the attempt does not count. */
const NOT_BEGUN: TransactionalOutcome = { kind: 'interrupted', settled: true };
/** After a longer wait for a connection, the job is asked for again. */
const LONG_WAIT_MS = 50;
const GRACE_PERIOD_MS = 10_000;

/** Runs transactional steps. The effects and the done-mark share a transaction, so they happen exactly once. */
export class TransactionalStepRunner {
  constructor(
    private readonly attempts: AttemptRunner,
    private readonly databases: TypeOrmDatabases,
  ) {}

  async run(
    attempt: KnownAttempt,
    dataSource: DataSourceLike,
    mark: DoneMark,
  ): Promise<TransactionalOutcome> {
    const asked = performance.now();
    try {
      if (await mark.isSet()) return { kind: 'succeeded', stored: mark.stores };
    } catch (error) {
      return { kind: 'unfit', error };
    }
    const { dialect } = this.databases.access(dataSource);
    // The step's transaction takes its turn among the application's.
    if (!dialect.gate) return this.runIn(dataSource, dialect, attempt, mark, asked);
    const gate = dialect.gate;
    return inTurn(attempt, (begin) =>
      gate.run(() => (begin() ? this.runIn(dataSource, dialect, attempt, mark, asked) : NOT_BEGUN)),
    );
  }

  private async runIn(
    dataSource: DataSourceLike,
    dialect: Dialect,
    attempt: KnownAttempt,
    mark: DoneMark,
    /** When the connection was first wanted, by `performance.now()`. */
    asked: number,
  ): Promise<TransactionalOutcome> {
    let transaction: StepTransaction | undefined;
    try {
      transaction = await this.begin(dataSource, dialect, attempt, mark, asked);
    } catch (error) {
      // The step has not begun, and is not to blame.
      return { kind: 'unfit', error };
    }
    return transaction ? this.runWith(transaction, attempt, mark) : NOT_BEGUN;
  }

  /** Undefined when the attempt is to end before its step has begun. */
  private async begin(
    dataSource: DataSourceLike,
    dialect: Dialect,
    attempt: KnownAttempt,
    mark: DoneMark,
    asked: number,
  ): Promise<StepTransaction | undefined> {
    const runner = dataSource.createQueryRunner('master') as QueryRunnerLike;
    const late = await inTurn(attempt, async (begin) => {
      await runner.connect();
      if (begin()) return undefined;
      // It came too late, from a pool that was busy.
      await runner.release();
      return NOT_BEGUN;
    });
    if (late) return undefined;
    // Meanwhile the job may have been canceled, or taken over.
    const ask = () => mayStillBegin(mark);
    const mayBegin =
      performance.now() - asked < LONG_WAIT_MS ||
      // The turn is taken: whatever waited for another one would wait for itself.
      (await (dialect.gate ? inTransactionCall(dataSource, ask) : ask()));
    if (!mayBegin) {
      await runner.release();
      return undefined;
    }
    const { gracePeriod = GRACE_PERIOD_MS } = attempt;
    return StepTransaction.begin(dataSource, runner, dialect, attempt.gid, gracePeriod);
  }

  private async runWith(
    transaction: StepTransaction,
    attempt: KnownAttempt,
    mark: DoneMark,
  ): Promise<TransactionalOutcome> {
    const { stop, gracePeriod = GRACE_PERIOD_MS } = attempt;
    // At shutdown the step may still finish. After a time-out or a lost lease it may not.
    let ended = false;
    stop.onRequest(() => {
      if (!ended && !(stop.reason instanceof StepInterruptedError)) transaction.close();
    });
    let outcome: TransactionalOutcome;
    try {
      outcome = await this.attempts.run(attempt, (call) => transaction.run(() => call(transaction.manager)));
      try {
        // A step that was stopped has had its grace period.
        await transaction.settle(outcome.kind !== 'succeeded' && stop.requested ? 0 : gracePeriod);
      } catch (error) {
        if (outcome.kind === 'succeeded') outcome = { kind: 'failed', error };
      }
      if (outcome.kind === 'succeeded') outcome = await this.mark(transaction, attempt, mark);
    } catch (error) {
      outcome = { kind: 'failed', error };
    } finally {
      ended = true;
    }
    if (outcome.kind === 'succeeded') return this.commit(transaction, attempt, mark);
    transaction.close();
    await transaction.rollback();
    return outcome;
  }

  private async mark(
    transaction: StepTransaction,
    attempt: KnownAttempt,
    mark: DoneMark,
  ): Promise<StepOutcome> {
    if (!transaction.intact) return { kind: 'failed', error: new StepTransactionLostError(attempt.stepName) };
    try {
      return (await mark.set(transaction)) ? { kind: 'succeeded' } : { kind: 'interrupted', settled: true };
    } catch (error) {
      // After a failover, the connection was to a server that takes no writes: nothing of the step stays, and it is not to blame.
      return { kind: transaction.isReadOnly(error) ? 'unfit' : 'failed', error };
    }
  }

  private async commit(
    transaction: StepTransaction,
    attempt: KnownAttempt,
    mark: DoneMark,
  ): Promise<TransactionalOutcome> {
    try {
      await faultPoint('step:before-commit', attempt.gid);
    } catch (stopped) {
      await transaction.rollback();
      throw stopped;
    }
    let error: unknown = new StepTransactionLostError(attempt.stepName);
    try {
      await transaction.commit();
    } catch (commitError) {
      error = commitError;
    }
    await faultPoint('step:committed', attempt.gid);
    const succeeded = { kind: 'succeeded', stored: mark.stores } as const;
    if (transaction.outcome === 'committed') return succeeded;
    try {
      const inDoubt = transaction.outcome !== 'rolledBack';
      if (inDoubt && (await transaction.askAfterwards(() => mark.isCommitted()))) return succeeded;
    } catch {
      return { kind: 'failed', error, inDoubt: true };
    }
    // If the COMMIT arrives after all, the next attempt finds the mark.
    return { kind: 'failed', error };
  }
}

/** A database that cannot be asked now is found out by the step's own statements. */
async function mayStillBegin(mark: DoneMark): Promise<boolean> {
  try {
    return (await mark.mayBegin?.()) ?? true;
  } catch {
    return true;
  }
}

/**
 * Waits for something that others have, until the attempt is to end, and no longer than its grace period. `wait` calls
 * `begin` when it has it, which answers whether that is in time.
 */
function inTurn<T>(
  { stop, gracePeriod = GRACE_PERIOD_MS }: KnownAttempt,
  wait: (begin: () => boolean) => Promise<T>,
): Promise<T | TransactionalOutcome> {
  return new Promise((resolve, reject) => {
    let state: 'waiting' | 'begun' | 'gone' = 'waiting';
    const leave = (): void => {
      if (state !== 'waiting') return;
      state = 'gone';
      resolve(NOT_BEGUN);
    };
    const timer = setTimeout(leave, gracePeriod);
    const begin = (): boolean => {
      clearTimeout(timer);
      if (state === 'waiting') state = 'begun';
      return state === 'begun';
    };
    stop.onRequest(leave);
    wait(begin).then(resolve, (error: Error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}
