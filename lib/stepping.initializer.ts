import type { StepExplorer } from './core/steps/step.explorer.js';
import type { StepRegistry } from './core/steps/step.registry.js';
import type { TransactionManager } from './core/transaction-manager.js';
import type { TypeOrmDatabases } from './transactions/typeorm-databases.js';
import { beforeDestroy } from './transactions/destroy-guard.js';
import { observeTransactions } from './transactions/ambient-transaction.js';

/** Finds what the application provides, once all of it exists, and makes the transaction manager ready. */
export class SteppingInitializer {
  constructor(
    private readonly databases: TypeOrmDatabases,
    private readonly explorer: StepExplorer,
    private readonly registry: StepRegistry,
    private readonly manager: TransactionManager,
  ) {}

  /** @param finish ends what is under way; awaited before a pool is closed. */
  async initialize(finish: () => Promise<void>): Promise<void> {
    this.databases.registry.discover();
    for (const dataSource of this.databases.registry.all) {
      observeTransactions(dataSource, this.databases.gateOf(dataSource));
      beforeDestroy(dataSource, finish);
    }
    this.registry.register(this.explorer.explore());
    await this.manager.initialize();
    await this.databases.openAll();
  }
}
