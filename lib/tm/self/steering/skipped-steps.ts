import { LineLogger } from '../../../core/line-logger.js';
import type { StepRegistry } from '../../../core/steps/step.registry.js';
import { errorText } from '../../../errors/error-text.js';
import type { Barrier } from '../../../store/barrier.js';
import type { JobRecord } from '../../../store/job-store.js';
import { branchIdOf } from '../../../transactions/done-mark.js';
import type { TypeOrmDatabases } from '../../../transactions/typeorm-databases.js';
import { decodeLookup } from '../job-lookup.js';
import { dataSourceOfStep, type StorePlacement } from '../self-transactional-steps.js';

/** What is known of a step that is to be skipped: no attempt of it can commit any more. */
export interface SettledStep {
  /** An attempt has committed, although nobody has stored that. */
  readonly done: boolean;
  /** The step is not skipped after all. */
  withdraw(): Promise<void>;
}

/**
 * Makes sure that a transactional step is not done and skipped at once. In the store's own database, the row of the job tells; in another
 * one the barrier row of the step, which whoever comes first writes.
 */
export class SkippedSteps {
  private readonly logger = new LineLogger(SkippedSteps.name);

  constructor(
    private readonly registry: StepRegistry,
    private readonly databases: TypeOrmDatabases,
    private readonly placement: StorePlacement,
  ) {}

  /** @throws UnresolvedTransactionError while the transaction of an attempt is open. */
  async settle(record: JobRecord, stepName: string): Promise<SettledStep> {
    const gid = (record.lookup === null ? undefined : decodeLookup(record.lookup).barrierGid) ?? record.gid;
    const branchId = branchIdOf(record.stepIndex);
    const settled: Barrier[] = [];
    const withdraw = async (): Promise<void> => {
      for (const barrier of settled) await this.withdraw(barrier, gid, branchId);
    };
    try {
      for (const barrier of await this.barriersOf(stepName)) {
        if ((await barrier.skip(gid, branchId)) === 'done') {
          await withdraw();
          return { done: true, withdraw: async () => undefined };
        }
        settled.push(barrier);
      }
    } catch (error) {
      await withdraw();
      throw error;
    }
    return { done: false, withdraw };
  }

  /** Of a step that this process does not provide, nobody knows where its transactions are. */
  private async barriersOf(stepName: string): Promise<readonly Barrier[]> {
    const definition = this.registry.get(stepName);
    if (!definition) return this.databases.opened();
    if (!definition.transactional) return [];
    const dataSource = dataSourceOfStep(definition, this.databases, this.placement);
    return dataSource === this.placement.dataSource ? [] : [await this.databases.barrierOf(dataSource)];
  }

  /** A row that stays says nothing: an attempt that finds it deletes it. */
  private async withdraw(barrier: Barrier, gid: string, branchId: string): Promise<void> {
    try {
      await barrier.withdrawSkip(gid, branchId);
    } catch (error) {
      this.logger.warn(
        `The mark of a step that was not skipped stays, and has no effect: ${errorText(error)}`,
      );
    }
  }
}
