import type { Provider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { DistributedJobFactory } from './core/jobs/distributed-job.factory.js';
import { TransactionSettler } from './core/jobs/transaction-settler.js';
import { ArgumentsValidator } from './core/steps/arguments-validator.js';
import { AttemptRunner } from './core/steps/attempt.runner.js';
import { HttpRequestStep } from './core/steps/http-request.step.js';
import { StepArgumentsSerializer } from './core/steps/step-arguments.serializer.js';
import { StepExplorer } from './core/steps/step.explorer.js';
import { StepExecutor } from './core/steps/step.executor.js';
import { StepMetadataAccessor } from './core/steps/step-metadata.accessor.js';
import { StepRegistry } from './core/steps/step.registry.js';
import { TransactionManager } from './core/transaction-manager.js';
import { TransactionResolver } from './core/transactions/transaction-resolver.js';
import { DataSourceRegistry } from './transactions/data-source.registry.js';
import { BarrierSteps } from './transactions/barrier-steps.js';
import { TransactionalStepRunner } from './transactions/transactional-step.runner.js';
import { TypeOrmTransactionResolver } from './transactions/typeorm.transaction-resolver.js';
import { TypeOrmDatabases } from './transactions/typeorm-databases.js';
import { resolveSteppingOptions, type ResolvedSteppingOptions } from './stepping.options.js';
import { STEPPING_MODULE_OPTIONS, STEPPING_RESOLVED_OPTIONS } from './stepping.constants.js';
import { SteppingInitializer } from './stepping.initializer.js';

const options: Provider = {
  provide: STEPPING_RESOLVED_OPTIONS,
  useFactory: resolveSteppingOptions,
  inject: [STEPPING_MODULE_OPTIONS],
};

const steps: Provider[] = [
  HttpRequestStep,
  { provide: StepRegistry, useFactory: () => new StepRegistry() },
  {
    provide: StepExplorer,
    useFactory: (modules: ModulesContainer) => new StepExplorer(modules, new StepMetadataAccessor()),
    inject: [ModulesContainer],
  },
  { provide: ArgumentsValidator, useFactory: () => ArgumentsValidator.load() },
  {
    provide: StepArgumentsSerializer,
    useFactory: (validator: ArgumentsValidator) => new StepArgumentsSerializer(validator),
    inject: [ArgumentsValidator],
  },
  {
    provide: AttemptRunner,
    useFactory: (serializer: StepArgumentsSerializer) => new AttemptRunner(serializer),
    inject: [StepArgumentsSerializer],
  },
  {
    provide: TransactionalStepRunner,
    useFactory: (runner: AttemptRunner) => new TransactionalStepRunner(runner),
    inject: [AttemptRunner],
  },
  {
    provide: StepExecutor,
    useFactory: (
      registry: StepRegistry,
      runner: AttemptRunner,
      transactional: TransactionalStepRunner,
      found: TypeOrmDatabases,
      { retry }: ResolvedSteppingOptions,
    ) => new StepExecutor(registry, runner, new BarrierSteps(transactional, found), retry),
    inject: [
      StepRegistry,
      AttemptRunner,
      TransactionalStepRunner,
      TypeOrmDatabases,
      STEPPING_RESOLVED_OPTIONS,
    ],
  },
];

const databases: Provider[] = [
  {
    provide: TypeOrmDatabases,
    useFactory: (modules: ModulesContainer, resolved: ResolvedSteppingOptions) => {
      const registry = new DataSourceRegistry(modules, resolved.dataSourceResolver);
      return new TypeOrmDatabases(registry, resolved.tables, resolved.autoMigrate);
    },
    inject: [ModulesContainer, STEPPING_RESOLVED_OPTIONS],
  },
  {
    provide: TransactionResolver,
    useFactory: (found: TypeOrmDatabases) => new TypeOrmTransactionResolver(found),
    inject: [TypeOrmDatabases],
  },
];

const jobs: Provider[] = [
  {
    provide: TransactionSettler,
    useFactory: (manager: TransactionManager) => new TransactionSettler(manager),
    inject: [TransactionManager],
  },
  {
    provide: DistributedJobFactory,
    useFactory: (
      manager: TransactionManager,
      settler: TransactionSettler,
      registry: StepRegistry,
      serializer: StepArgumentsSerializer,
      transactions: TransactionResolver,
      { requireTransaction }: ResolvedSteppingOptions,
    ) =>
      new DistributedJobFactory({ manager, settler, registry, serializer }, transactions, requireTransaction),
    inject: [
      TransactionManager,
      TransactionSettler,
      StepRegistry,
      StepArgumentsSerializer,
      TransactionResolver,
      STEPPING_RESOLVED_OPTIONS,
    ],
  },
];

const initializer: Provider = {
  provide: SteppingInitializer,
  useFactory: (
    found: TypeOrmDatabases,
    explorer: StepExplorer,
    registry: StepRegistry,
    manager: TransactionManager,
  ) => new SteppingInitializer(found, explorer, registry, manager),
  inject: [TypeOrmDatabases, StepExplorer, StepRegistry, TransactionManager],
};

/** What every application has, whatever its transaction manager. */
export const steppingProviders: readonly Provider[] = [options, ...steps, ...databases, ...jobs, initializer];
