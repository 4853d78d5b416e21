import type { ModuleMetadata, Provider } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { SchedulerRegistry } from '@nestjs/schedule';
import { SteppingEventBus } from '../../core/events/event-bus.js';
import { DistributedJobs } from '../../core/jobs/distributed-jobs.js';
import { SteppingOperations } from '../../core/operations/stepping-operations.js';
import { refuseUnknown, requireOptions } from '../../core/options.js';
import { Payloads } from '../../core/payloads/payloads.js';
import { AttemptRunner } from '../../core/steps/attempt.runner.js';
import { StepArgumentsSerializer } from '../../core/steps/step-arguments.serializer.js';
import { StepExecutor } from '../../core/steps/step.executor.js';
import { StepRegistry } from '../../core/steps/step.registry.js';
import { JobTelemetry } from '../../core/telemetry/job-telemetry.js';
import { TransactionManager, type TransactionManagerStrategy } from '../../core/transaction-manager.js';
import { TransactionalStepRunner } from '../../transactions/transactional-step.runner.js';
import { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import type { ResolvedSteppingOptions } from '../../stepping.options.js';
import { SELF_TM_OPTIONS, STEPPING_RESOLVED_OPTIONS } from '../../stepping.constants.js';
import { SelfDistributedJobs } from './self.distributed-jobs.js';
import { SelfSteppingOperations } from './self.stepping-operations.js';
import { SelfTransactionManager } from './self.transaction-manager.js';
import type { SelfTmServices } from './self-tm.runtime.js';
import { resolveSelfTmOptions, type SelfTmOptions } from './self-tm.options.js';
import { StoresDistributedJobs } from './stores/stores.distributed-jobs.js';
import { StoresSteppingOperations } from './stores/stores.stepping-operations.js';
import { StoresTransactionManager } from './stores/stores.transaction-manager.js';

/**
 * Settings of the self-TM from a factory.
 *
 * @publicApi
 */
export interface SelfTmAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** What `useFactory` is called with. */
  readonly inject?: any[];
  /** Makes the settings. */
  readonly useFactory: (...args: any[]) => Promise<SelfTmOptions> | SelfTmOptions;
}

/**
 * The built-in transaction manager: jobs are kept in the application's own database, and any of its processes
 * recovers them.
 *
 * @throws InvalidOptionError for settings that cannot be.
 * @publicApi
 */
export function selfTm(options: SelfTmOptions | SelfTmAsyncOptions = {}): TransactionManagerStrategy {
  requireOptions(options, 'selfTm');
  const isAsync = 'useFactory' in options;
  // Mistakes show where they are made, not when the application starts.
  if (isAsync) refuseUnknown(options, 'selfTm', ['imports', 'inject', 'useFactory']);
  else resolveSelfTmOptions(options);
  const settings: Provider = isAsync
    ? { provide: SELF_TM_OPTIONS, useFactory: options.useFactory, inject: options.inject ?? [] }
    : { provide: SELF_TM_OPTIONS, useValue: options };
  return {
    name: 'self-TM',
    imports: isAsync ? (options.imports ?? []) : [],
    providers: [
      settings,
      {
        provide: SelfTransactionManager,
        useFactory: (given: SelfTmOptions, { autoMigrate }: ResolvedSteppingOptions, ...parts: Parts) => {
          const options = resolveSelfTmOptions(given);
          const services = selfTmServices(...parts);
          return options.stores
            ? new StoresTransactionManager(options.stores, options, services, autoMigrate)
            : new SelfTransactionManager(options, services, autoMigrate);
        },
        inject: [SELF_TM_OPTIONS, STEPPING_RESOLVED_OPTIONS, ...SELF_TM_PARTS],
      },
      { provide: TransactionManager, useExisting: SelfTransactionManager },
      {
        provide: DistributedJobs,
        useFactory: (manager: AnySelfManager) =>
          manager instanceof StoresTransactionManager
            ? new StoresDistributedJobs(manager.stores)
            : new SelfDistributedJobs(manager),
        inject: [SelfTransactionManager],
      },
      {
        provide: SteppingOperations,
        useFactory: (manager: AnySelfManager) =>
          manager instanceof StoresTransactionManager
            ? new StoresSteppingOperations(manager)
            : new SelfSteppingOperations(manager),
        inject: [SelfTransactionManager],
      },
    ],
  };
}

/** Of one store, or of several. */
type AnySelfManager = SelfTransactionManager | StoresTransactionManager;

/** What a manager is made of, besides its options. */
export const SELF_TM_PARTS = [
  STEPPING_RESOLVED_OPTIONS,
  TypeOrmDatabases,
  StepRegistry,
  StepArgumentsSerializer,
  StepExecutor,
  AttemptRunner,
  TransactionalStepRunner,
  Payloads,
  SteppingEventBus,
  JobTelemetry,
  ModuleRef,
];
type Parts = Parameters<typeof selfTmServices>;

export function selfTmServices(
  { onJobFailed, brake }: ResolvedSteppingOptions,
  databases: TypeOrmDatabases,
  registry: StepRegistry,
  serializer: StepArgumentsSerializer,
  executor: StepExecutor,
  attempts: AttemptRunner,
  transactionalSteps: TransactionalStepRunner,
  payloads: Payloads,
  events: SteppingEventBus,
  telemetry: JobTelemetry,
  moduleRef: ModuleRef,
): SelfTmServices {
  const schedulerRegistry = () => applicationRegistry(moduleRef);
  return {
    registry,
    serializer,
    executor,
    attempts,
    transactionalSteps,
    payloads,
    telemetry,
    databases,
    events,
    onJobFailed,
    brake,
    schedulerRegistry,
  };
}

/** The registry of the application's `ScheduleModule`, wherever it is imported. */
function applicationRegistry(moduleRef: ModuleRef): SchedulerRegistry | undefined {
  try {
    return moduleRef.get(SchedulerRegistry, { strict: false });
  } catch {
    return undefined;
  }
}
