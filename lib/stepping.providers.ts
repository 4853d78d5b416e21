import type { Provider } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { EventExplorer } from './core/events/event.explorer.js';
import { SteppingEventBus } from './core/events/event-bus.js';
import { DistributedJobFactory } from './core/jobs/distributed-job.factory.js';
import { TransactionSettler } from './core/jobs/transaction-settler.js';
import { NoOperations, SteppingOperations } from './core/operations/stepping-operations.js';
import { Payloads } from './core/payloads/payloads.js';
import { provide } from './core/provide.js';
import { ArgumentsValidator } from './core/steps/arguments-validator.js';
import { AttemptRunner } from './core/steps/attempt.runner.js';
import { HTTP_OPTIONS } from './core/http/http-options.js';
import { HttpRequestStep } from './core/http/http-request.step.js';
import { StepArgumentsSerializer } from './core/steps/step-arguments.serializer.js';
import { StepExplorer } from './core/steps/step.explorer.js';
import { StepExecutor } from './core/steps/step.executor.js';
import { StepRegistry } from './core/steps/step.registry.js';
import { JobTelemetry, telemetryOf } from './core/telemetry/job-telemetry.js';
import { TransactionManager } from './core/transaction-manager.js';
import { TransactionResolver } from './core/transactions/transaction-resolver.js';
import { DataSourceRegistry } from './transactions/data-source.registry.js';
import { BarrierSteps } from './transactions/barrier-steps.js';
import { insideTransaction } from './transactions/surroundings.js';
import { TransactionalStepRunner } from './transactions/transactional-step.runner.js';
import { TypeOrmTransactionResolver } from './transactions/typeorm.transaction-resolver.js';
import { TypeOrmDatabases } from './transactions/typeorm-databases.js';
import { resolveSteppingOptions, type ResolvedSteppingOptions } from './stepping.options.js';
import {
  DATA_SOURCE_WATCH,
  STEPPING_MODULE_OPTIONS,
  STEPPING_RESOLVED_OPTIONS,
} from './stepping.constants.js';
import { SteppingLifecycle } from './stepping.lifecycle.js';
import { SteppingPreparation } from './stepping.preparation.js';

/** What every application has, whatever its transaction manager. */
export const steppingProviders: readonly Provider[] = [
  {
    provide: STEPPING_RESOLVED_OPTIONS,
    useFactory: resolveSteppingOptions,
    inject: [STEPPING_MODULE_OPTIONS],
  },
  {
    provide: HTTP_OPTIONS,
    useFactory: ({ http }: ResolvedSteppingOptions) => http,
    inject: [STEPPING_RESOLVED_OPTIONS],
  },
  provide(HttpRequestStep, HTTP_OPTIONS),
  // A strategy that has one provides another.
  { provide: SteppingOperations, useClass: NoOperations },
  provide(StepRegistry),
  provide(StepExplorer, ModulesContainer),
  provide(SteppingEventBus),
  { provide: JobTelemetry, useFactory: telemetryOf, inject: [ModulesContainer] },
  provide(EventExplorer, ModulesContainer, SteppingEventBus),
  { provide: ArgumentsValidator, useFactory: () => ArgumentsValidator.load() },
  provide(StepArgumentsSerializer, ArgumentsValidator, STEPPING_RESOLVED_OPTIONS),
  provide(AttemptRunner, StepArgumentsSerializer),
  provide(TransactionalStepRunner, AttemptRunner, TypeOrmDatabases),
  provide(BarrierSteps, TransactionalStepRunner, TypeOrmDatabases),
  provide(
    StepExecutor,
    StepRegistry,
    AttemptRunner,
    BarrierSteps,
    Payloads,
    JobTelemetry,
    STEPPING_RESOLVED_OPTIONS,
  ),
  {
    provide: Payloads,
    useFactory: ({ codec }: ResolvedSteppingOptions) => new Payloads(codec, insideTransaction),
    inject: [STEPPING_RESOLVED_OPTIONS],
  },
  {
    provide: TypeOrmDatabases,
    useFactory: (modules: ModulesContainer, options: ResolvedSteppingOptions) => {
      const registry = new DataSourceRegistry(modules, options.dataSourceResolver);
      return new TypeOrmDatabases(registry, options.tables, options.autoMigrate, options.logStatements);
    },
    inject: [ModulesContainer, STEPPING_RESOLVED_OPTIONS],
  },
  { ...provide(TypeOrmTransactionResolver, TypeOrmDatabases), provide: TransactionResolver },
  {
    provide: TransactionSettler,
    useFactory: (manager: TransactionManager, databases: TypeOrmDatabases) =>
      new TransactionSettler(manager, (what, work) => databases.inTime(what, work)),
    inject: [TransactionManager, TypeOrmDatabases],
  },
  provide(
    SteppingPreparation,
    ModulesContainer,
    TypeOrmDatabases,
    StepExplorer,
    StepArgumentsSerializer,
    StepRegistry,
    SteppingLifecycle,
    TransactionManager,
    Payloads,
    HttpAdapterHost,
    EventExplorer,
  ),
  {
    provide: DATA_SOURCE_WATCH,
    useFactory: (preparation: SteppingPreparation) => preparation.watchEarly(),
    inject: [SteppingPreparation],
  },
  provide(
    DistributedJobFactory,
    TransactionManager,
    TransactionSettler,
    StepRegistry,
    StepArgumentsSerializer,
    Payloads,
    TransactionResolver,
    SteppingPreparation,
    JobTelemetry,
    STEPPING_RESOLVED_OPTIONS,
  ),
];
