import { faultPoint } from '../core/fault-point.js';
import type { AttemptRunner } from '../core/steps/attempt.runner.js';
import type { KnownAttempt, StepOutcome } from '../core/steps/step-attempt.js';
import { StepInterruptedError, StepTransactionLostError } from '../errors/index.js';
import type { DataSourceLike } from '../core/transactions/typeorm.types.js';
import type { Dialect } from '../store/dialect.js';
import type { TypeOrmDatabases } from './typeorm-databases.js';
import type { DoneMark } from './done-mark.js';
import { StepTransaction } from './step-transaction.js';

/** The outcome of a transactional step. `stored`: its own transaction has told the transaction manager. */
export type TransactionalOutcome = StepOutcome & { readonly stored?: boolean };

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
    const run = () => this.runIn(dataSource, dialect, attempt, mark);
    // The step's transaction takes its turn among the application's.
    return dialect.gate ? dialect.gate.run(run) : run();
  }

  private async runIn(
    dataSource: DataSourceLike,
    dialect: Dialect,
    attempt: KnownAttempt,
    mark: DoneMark,
  ): Promise<TransactionalOutcome> {
    const transaction = await StepTransaction.begin(dataSource, dialect, attempt.gid);
    const { stop } = attempt;
    // At shutdown the step may still finish. After a time-out or a lost lease it may not.
    let ended = false;
    stop.onRequest(() => {
      if (!ended && !(stop.reason instanceof StepInterruptedError)) void transaction.close();
    });
    let outcome: TransactionalOutcome;
    try {
      outcome = await this.attempts.run(attempt, (call) => transaction.run(() => call(transaction.manager)));
      await transaction.close();
      if (outcome.kind === 'succeeded') outcome = await this.mark(transaction, attempt, mark);
    } catch (error) {
      outcome = { kind: 'failed', error };
    } finally {
      ended = true;
    }
    if (outcome.kind === 'succeeded') return this.commit(transaction, attempt, mark);
    await transaction.close();
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
