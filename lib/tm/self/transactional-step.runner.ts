import { Logger } from '@nestjs/common';
import { faultPoint } from '../../core/jobs/fault-point.js';
import type { StepAttempt, StepExecutor, StepOutcome } from '../../core/steps/step.executor.js';
import type { TypeOrmBarrier } from '../../db/barrier/typeorm-barrier.js';
import { gateOf } from '../../db/transactions/ambient-transaction.js';
import { StepTransaction } from '../../db/transactions/step-transaction.js';
import type { TypeOrmDatabases } from '../../db/typeorm-databases.js';
import type { DataSourceLike } from '../../db/typeorm.types.js';
import { StepInterruptedError, StepTransactionLostError } from '../../errors/index.js';
import type { JobChange, JobStore } from './job-store.js';
import type { Lease } from './lease.js';
import type { LeaseKeeper } from './lease-keeper.js';

/** What came of a transactional step; `stored`: its completion is written, in its own transaction. */
export type TransactionalOutcome = StepOutcome & { readonly stored?: boolean };

/** How the step is marked done as the last statement of its transaction. */
interface DoneMark {
  /** Whether an earlier attempt has left the mark, its completion not being stored. */
  isSet(): Promise<boolean>;
  /** False when the step may not be committed: the lease is lost, or somebody else has set the mark. */
  set(transaction: StepTransaction): Promise<boolean>;
  /** Whether the mark was committed, after a COMMIT whose answer is unknown. */
  isCommitted(): Promise<boolean>;
  /** Whether the mark is the completion itself. */
  readonly stores: boolean;
}

/**
 * Runs transactional steps: the step's effects and its done-mark are one transaction, so they happen exactly once.
 *
 * In the store's own database the mark is the fenced change of the job's row. Elsewhere it is a barrier row
 * of the step, whose unique key lets one attempt win. The mark comes last: a job row that is locked while the
 * step runs would hold up the renewal of everybody's leases.
 */
export class TransactionalStepRunner {
  private readonly logger = new Logger(TransactionalStepRunner.name);

  constructor(
    private readonly executor: StepExecutor,
    private readonly store: JobStore,
    private readonly leases: LeaseKeeper,
    private readonly databases: TypeOrmDatabases,
    /** Where the jobs are stored; undefined for the memory store. */
    private readonly storeDataSource: DataSourceLike | undefined,
  ) {}

  async run(attempt: StepAttempt, lease: Lease, completion: JobChange): Promise<TransactionalOutcome> {
    const { transactional } = attempt.definition;
    const name = transactional === false ? undefined : transactional.dataSource;
    const dataSource =
      name === undefined && this.storeDataSource ? this.storeDataSource : this.databases.registry.get(name);
    const mark =
      dataSource === this.storeDataSource
        ? this.rowMark(completion)
        : this.barrierMark(await this.databases.barrierOf(dataSource), attempt, lease);
    if (await mark.isSet()) return { kind: 'succeeded', stored: mark.stores };

    const run = () => this.runIn(dataSource, attempt, mark);
    // On SQLite the step's transaction takes its turn among the application's.
    return dataSource.options.type === 'better-sqlite3' ? gateOf(dataSource).run(run) : run();
  }

  private async runIn(dataSource: DataSourceLike, attempt: StepAttempt, mark: DoneMark): Promise<TransactionalOutcome> {
    const transaction = await StepTransaction.begin(dataSource, attempt.gid);
    const { signal } = attempt.controller;
    // A step that is shut down may still finish; one that is out of time or has lost its job may not.
    const stop = () => {
      if (!(signal.reason instanceof StepInterruptedError)) void transaction.close();
    };
    signal.addEventListener('abort', stop);
    let outcome: TransactionalOutcome;
    try {
      outcome = await this.executor.execute(attempt, (call) =>
        transaction.run(() => call(transaction.manager)),
      );
      await transaction.close();
      if (outcome.kind === 'succeeded' && !transaction.intact) {
        outcome = { kind: 'failed', error: new StepTransactionLostError(attempt.stepName) };
      }
      if (outcome.kind === 'succeeded' && !(await mark.set(transaction))) {
        outcome = { kind: 'interrupted', settled: true };
      }
    } catch (error) {
      outcome = { kind: 'failed', error };
    } finally {
      signal.removeEventListener('abort', stop);
    }
    if (outcome.kind !== 'succeeded') {
      await transaction.close();
      await transaction.rollback().catch((error: unknown) => this.logger.debug?.(`ROLLBACK failed: ${String(error)}`));
      return outcome;
    }
    return this.commit(transaction, attempt, mark);
  }

  private async commit(transaction: StepTransaction, attempt: StepAttempt, mark: DoneMark): Promise<TransactionalOutcome> {
    await faultPoint('step:before-commit', attempt.gid);
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
    // Should the COMMIT still arrive, the fenced mark makes sure that the next attempt notices.
    return { kind: 'failed', error };
  }

  private rowMark(completion: JobChange): DoneMark {
    return {
      stores: true,
      isSet: async () => false,
      set: (transaction) => this.store.changeIn(transaction.runner, completion),
      isCommitted: async () => {
        const record = await this.store.find(completion.gid);
        return record?.status === completion.status && record.stepIndex === completion.stepIndex;
      },
    };
  }

  private barrierMark(barrier: TypeOrmBarrier, attempt: StepAttempt, lease: Lease): DoneMark {
    const branchId = String(attempt.stepIndex + 1).padStart(2, '0');
    const isSet = () => barrier.exists(attempt.gid, branchId, 'action');
    return {
      stores: false,
      isSet,
      set: async (transaction) => {
        const row = { gid: attempt.gid, branchId, op: 'action', reason: 'action' };
        if (!(await barrier.insert(transaction.runner, row))) return false;
        return this.leases.confirm(lease);
      },
      isCommitted: isSet,
    };
  }
}
