import type { KnownAttempt, StepOutcome } from '../core/steps/step-attempt.js';
import type { TransactionalSteps } from '../core/steps/step.executor.js';
import { StepInterruptedError } from '../errors/index.js';
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
    const dataSource = this.databases.registry.get(name);
    const barrier = await this.databases.barrierOf(dataSource);
    const mayCommit = async () => !stop.requested || stop.reason instanceof StepInterruptedError;
    return this.runner.run(attempt, dataSource, barrierMark(barrier, attempt, mayCommit));
  }
}
