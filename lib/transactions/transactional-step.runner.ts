import { faultPoint } from '../core/fault-point.js';
import type { AttemptRunner } from '../core/steps/attempt.runner.js';
import type { KnownAttempt, StepOutcome } from '../core/steps/step-attempt.js';
import { StepInterruptedError, StepTransactionLostError } from '../errors/index.js';
import type { DataSourceLike, QueryRunnerLike } from '../core/transactions/typeorm.types.js';
import type { Dialect } from '../store/dialect.js';
import type { TypeOrmDatabases } from './typeorm-databases.js';
import type { DoneMark } from './done-mark.js';
import { StepTransaction } from './step-transaction.js';

/** The outcome of a transactional step. `stored`: its own transaction has told the transaction manager. */
export type TransactionalOutcome = StepOutcome & { readonly stored?: boolean };

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
    if (await mark.isSet()) return { kind: 'succeeded', stored: mark.stores };
    const { dialect } = this.databases.access(dataSource);
    // The step's transaction takes its turn among the application's.
    if (!dialect.gate) return this.runIn(dataSource, dialect, attempt, mark);
    const gate = dialect.gate;
    return inTurn(attempt, (begin) =>
      gate.run(() => (begin() ? this.runIn(dataSource, dialect, attempt, mark) : NOT_BEGUN)),
    );
  }

  private async runIn(
    dataSource: DataSourceLike,
    dialect: Dialect,
    attempt: KnownAttempt,
    mark: DoneMark,
  ): Promise<TransactionalOutcome> {
    const runner = dataSource.createQueryRunner('master') as QueryRunnerLike;
    const asked = performance.now();
    const connected = await inTurn(attempt, async (begin) => {
      await runner.connect();
      if (begin()) return undefined;
      // It came too late, from a pool that was busy.
      await runner.release();
      return NOT_BEGUN;
    });
    if (connected) return connected;
    // Meanwhile the job may have been canceled, or taken over.
    const mayBegin = performance.now() - asked < LONG_WAIT_MS || (await mayStillBegin(mark));
    if (!mayBegin) {
      await runner.release();
      return NOT_BEGUN;
    }
    const { stop, gracePeriod = GRACE_PERIOD_MS } = attempt;
    const transaction = await StepTransaction.begin(dataSource, runner, dialect, attempt.gid, gracePeriod);
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
    return (await mark.set(transaction)) ? { kind: 'succeeded' } : { kind: 'interrupted', settled: true };
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
    if (transaction.outcome !== 'rolledBack' && (await mark.isCommitted())) return succeeded;
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
