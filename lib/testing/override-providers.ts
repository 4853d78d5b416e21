import { ModuleRef } from '@nestjs/core';
import { DistributedJobs } from '../core/jobs/distributed-jobs.js';
import { TransactionSettler } from '../core/jobs/transaction-settler.js';
import { SteppingOperations } from '../core/operations/stepping-operations.js';
import { TransactionManager } from '../core/transaction-manager.js';
import { resolveSteppingOptions, type SteppingOptions } from '../stepping.options.js';
import {
  SELF_TM_OPTIONS,
  STEPPING_MODULE_OPTIONS,
  STEPPING_RESOLVED_OPTIONS,
} from '../stepping.constants.js';
import { SelfDistributedJobs } from '../tm/self/self.distributed-jobs.js';
import { SELF_TM_PARTS, selfTmServices } from '../tm/self/self-tm.strategy.js';
import { SelfTransactionManager } from '../tm/self/self.transaction-manager.js';
import { SelfSteppingOperations } from '../tm/self/self.stepping-operations.js';
import { resolveSelfTmOptions, type SelfTmOptions } from '../tm/self/self-tm.options.js';
import { TransactionResolver } from '../core/transactions/transaction-resolver.js';
import { TypeOrmDatabases } from '../transactions/typeorm-databases.js';
import { TestingTransactionResolver } from './testing.transaction-resolver.js';
import { TestingTransactionManager } from './testing.transaction-manager.js';

/**
 * What of `TestingModuleBuilder` is used.
 *
 * @publicApi
 */
export interface OverridableModule {
  /** Begins to override the provider of a token. */
  overrideProvider(token: unknown): {
    useFactory(options: { factory: (...args: any[]) => unknown; inject?: any[] }): unknown;
  };
}

/**
 * Overrides what an application has of a transaction manager, whichever that is. The providers of its own one are
 * still made, and never started.
 *
 * @param onStop called when the application shuts down.
 * @param onCreated given the manager of each application that is compiled.
 */
export function overrideProviders(
  builder: OverridableModule,
  store: 'memory' | 'typeorm',
  onStop: () => void,
  onCreated: (manager: TestingTransactionManager) => void,
): void {
  const create = (
    options: SelfTmOptions | undefined,
    own: TransactionManager | undefined,
    moduleRef: ModuleRef,
    ...parts: Parameters<typeof selfTmServices>
  ): TestingTransactionManager => {
    const manager = new TestingTransactionManager(
      resolveSelfTmOptions({ ...inOneStore(options, store), store }),
      { ...selfTmServices(...parts), schedulerRegistry: () => undefined },
      {
        durable: () => own?.durable ?? true,
        // Made after the manager, which it is given.
        settled: () => moduleRef.get(TransactionSettler).settled(),
        onStop,
      },
    );
    onCreated(manager);
    return manager;
  };
  builder.overrideProvider(STEPPING_RESOLVED_OPTIONS).useFactory({
    factory: (options: SteppingOptions) => resolveSteppingOptions(predictable(options)),
    inject: [STEPPING_MODULE_OPTIONS],
  });
  builder.overrideProvider(TransactionResolver).useFactory({
    factory: (databases: TypeOrmDatabases) => new TestingTransactionResolver(databases),
    inject: [TypeOrmDatabases],
  });
  builder.overrideProvider(TransactionManager).useFactory({
    factory: create,
    inject: [
      { token: SELF_TM_OPTIONS, optional: true },
      { token: SelfTransactionManager, optional: true },
      ModuleRef,
      ...SELF_TM_PARTS,
    ],
  });
  builder.overrideProvider(DistributedJobs).useFactory({
    factory: (manager: TestingTransactionManager) => new SelfDistributedJobs(manager),
    inject: [TransactionManager],
  });
  builder.overrideProvider(SteppingOperations).useFactory({
    factory: (manager: TestingTransactionManager) => new SelfSteppingOperations(manager),
    inject: [TransactionManager],
  });
}

/** A test has one store: of several that the application has, the first. */
function inOneStore(
  { dataSource, ...options }: SelfTmOptions = {},
  store: 'memory' | 'typeorm',
): SelfTmOptions {
  const [first] = dataSource === undefined ? [] : [dataSource].flat();
  return store === 'memory' || first === undefined ? options : { ...options, dataSource: first };
}

/** With jitter, a first retry might come within the same `drain()`, once in a while. */
function predictable(options: SteppingOptions = {}): SteppingOptions {
  const { retry } = options;
  return {
    ...options,
    autoMigrate: true,
    // Nothing runs on its own there.
    brake: false,
    retry: typeof retry === 'function' ? retry : { ...retry, jitter: false },
  };
}
