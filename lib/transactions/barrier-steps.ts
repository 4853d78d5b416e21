import type { KnownAttempt, StepOutcome } from '../core/steps/step-attempt.js';
import type { TransactionalSteps } from '../core/steps/step.executor.js';
import type { DataSourceLike } from '../core/transactions/typeorm.types.js';
import { StepInterruptedError } from '../errors/index.js';
import type { Barrier } from '../store/barrier.js';
import { barrierMark } from './done-mark.js';
import type { TransactionalStepRunner } from './transactional-step.runner.js';
import type { TypeOrmDatabases } from './typeorm-databases.js';

/** Transactional steps that are marked done by a barrier row, whoever keeps the job. */
export class BarrierSteps implements TransactionalSteps {
  constructor(
    private readonly runner: TransactionalStepRunner,
    private readonly databases: TypeOrmDatabases,
  ) {}

  async run(attempt: KnownAttempt): Promise<StepOutcome> {
    const { definition, stop } = attempt;
    const name = definition.transactional === false ? undefined : definition.transactional.dataSource;
    let dataSource: DataSourceLike;
    let barrier: Barrier;
    try {
      dataSource = this.databases.registry.get(name);
      barrier = await this.databases.barrierOf(dataSource);
    } catch (error) {
      // The step has not begun, and is not to blame.
      return { kind: 'unfit', error };
    }
    const mayCommit = async () => !stop.requested || stop.reason instanceof StepInterruptedError;
    return this.runner.run(attempt, dataSource, barrierMark(barrier, attempt, mayCommit));
  }
}
