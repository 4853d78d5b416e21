import type { KnownAttempt } from '../../core/steps/step-attempt.js';
import type { StepDefinition } from '../../core/steps/step-definition.js';
import { barrierMark, type DoneMark } from '../../transactions/done-mark.js';
import type {
  TransactionalOutcome,
  TransactionalStepRunner,
} from '../../transactions/transactional-step.runner.js';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import type { DataSourceLike } from '../../core/transactions/typeorm.types.js';
import { DataSourceNotFoundError } from '../../errors/index.js';
import type { JobChange, JobStore } from '../../store/job-store.js';
import type { Lease } from './lease.js';
import type { LeaseKeeper } from './lease-keeper.js';

/** Where the jobs of a transactional step are stored. */
export interface StorePlacement {
  /** Undefined for the memory store. */
  readonly dataSource: DataSourceLike | undefined;
  /** Jobs are stored in several databases. */
  readonly isOneOfSeveral: boolean;
}

/**
 * Transactional steps of the self-TM. In the store's own database, the fenced change of the job's row marks a step as done.
 * In another one it is a barrier row, and the lease is confirmed before the commit.
 */
export class SelfTransactionalSteps {
  constructor(
    private readonly runner: TransactionalStepRunner,
    private readonly store: JobStore,
    private readonly leases: LeaseKeeper,
    private readonly databases: TypeOrmDatabases,
    private readonly placement: StorePlacement,
  ) {}

  async run(attempt: KnownAttempt, lease: Lease, completion: JobChange): Promise<TransactionalOutcome> {
    let dataSource: DataSourceLike;
    let mark: DoneMark;
    try {
      dataSource = this.dataSourceOf(attempt);
      mark = await this.markOf(dataSource, attempt, lease, completion);
    } catch (error) {
      return { kind: 'unfit', error };
    }
    return this.runner.run(attempt, dataSource, { ...mark, mayBegin: () => this.isHeld(lease) });
  }

  /** Whether an earlier attempt has committed, and only its process did not live to tell. */
  async isDone(attempt: KnownAttempt, lease: Lease, completion: JobChange): Promise<boolean> {
    if (!attempt.definition.transactional) return false;
    const mark = await this.markOf(this.dataSourceOf(attempt), attempt, lease, completion);
    return mark.isSet();
  }

  /** A look at the row. A renewal might become part of a transaction of the application where there is one connection. */
  private async isHeld(lease: Lease): Promise<boolean> {
    return (await this.store.held([lease])).has(lease.gid);
  }

  private dataSourceOf({ definition }: KnownAttempt): DataSourceLike {
    return dataSourceOfStep(definition, this.databases, this.placement);
  }

  private async markOf(
    dataSource: DataSourceLike,
    attempt: KnownAttempt,
    lease: Lease,
    completion: JobChange,
  ): Promise<DoneMark> {
    if (dataSource === this.placement.dataSource) return this.rowMark(completion);
    return barrierMark(await this.databases.barrierOf(dataSource), attempt, () => this.leases.confirm(lease));
  }

  private rowMark(completion: JobChange): DoneMark {
    return {
      stores: true,
      isSet: async () => false,
      set: (transaction) => this.store.changeIn(transaction.runner, completion),
      isCommitted: async () => {
        const record = await this.store.findBeside(completion.gid);
        return record?.status === completion.status && record.stepIndex === completion.stepIndex;
      },
    };
  }
}

/**
 * Without a name, the application's default one; of a job in one of several stores, the one that keeps the job.
 *
 * @throws DataSourceNotFoundError.
 */
export function dataSourceOfStep(
  { transactional }: StepDefinition,
  { registry }: TypeOrmDatabases,
  { dataSource: own, isOneOfSeveral }: StorePlacement,
): DataSourceLike {
  const name = transactional === false ? undefined : transactional.dataSource;
  const unnamed = isOneOfSeveral ? own : (registry.default ?? own);
  const dataSource = name === undefined ? unnamed : registry.get(name);
  if (!dataSource) throw new DataSourceNotFoundError(name, registry.names);
  return dataSource;
}
