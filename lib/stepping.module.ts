import {
  Inject,
  Module,
  Optional,
  type DynamicModule,
  type OnModuleDestroy,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { HTTP_OPTIONS } from './core/http/http-options.js';
import { DistributedJobFactory } from './core/jobs/distributed-job.factory.js';
import { DistributedJobs } from './core/jobs/distributed-jobs.js';
import { TransactionSettler } from './core/jobs/transaction-settler.js';
import { SteppingOperations } from './core/operations/stepping-operations.js';
import { StepExecutor } from './core/steps/step.executor.js';
import { StepRegistry } from './core/steps/step.registry.js';
import { TransactionManager, type TransactionManagerStrategy } from './core/transaction-manager.js';
import {
  resolveSteppingOptions,
  type SteppingModuleAsyncOptions,
  type SteppingModuleOptions,
  type SteppingOptionsFactory,
} from './stepping.options.js';
import { assertHasSettings, assertImportedOnce } from './core/imported-once.js';
import { isRecord, refuseUnknown, requireOptions } from './core/options.js';
import { InvalidOptionError } from './errors/index.js';
import { STEPPING_MODULE_OPTIONS } from './stepping.constants.js';
import { moveInHookOrder, SteppingLifecycle, SteppingLifecycleModule } from './stepping.lifecycle.js';
import { SteppingPreparation } from './stepping.preparation.js';
import { steppingProviders } from './stepping.providers.js';
import { selfTm } from './tm/self/self-tm.strategy.js';

/**
 * Brings jobs to an application: `imports: [SteppingModule.forRoot()]`.
 *
 * It exports `DistributedJobFactory`, which starts jobs, `DistributedJobs`, which reads and repairs them, and `SteppingOperations`, which
 * looks at all processes and steers them.
 *
 * @publicApi
 */
@Module({})
export class SteppingModule implements OnModuleInit, OnModuleDestroy {
  /** @internal Made by Nest. */
  constructor(
    modules: ModulesContainer,
    @Optional() private readonly preparation: SteppingPreparation,
    @Optional() private readonly lifecycle: SteppingLifecycle,
    @Optional() @Inject(TransactionManager) manager: TransactionManager,
    @Optional() settler: TransactionSettler,
  ) {
    assertImportedOnce(modules, SteppingModule, 'SteppingModule');
    assertHasSettings(preparation, 'SteppingModule', ['forRoot', 'forRootAsync']);
    // Tables and steps must be ready before any other hook runs: hooks of the application may start jobs.
    moveInHookOrder(modules, SteppingModule, Number.POSITIVE_INFINITY);
    lifecycle.attach({
      start: () => manager.start(),
      stop: async () => {
        await settler.settled();
        await manager.stop();
      },
      drain: () => settler.settled(),
    });
  }

  /**
   * The module with its settings; without any, jobs are kept in the application's default `DataSource`.
   *
   * @throws InvalidOptionError for settings that cannot be.
   */
  static forRoot(options: SteppingModuleOptions = {}): DynamicModule {
    requireOptions(options, 'forRoot');
    const { transactionManager, isGlobal, ...settings } = options;
    resolveSteppingOptions(settings);
    const provider = { provide: STEPPING_MODULE_OPTIONS, useValue: settings };
    return define(transactionManager, isGlobal, [provider]);
  }

  /**
   * The module with settings from a factory, a class or a provider.
   *
   * @throws InvalidOptionError for an unknown option, and unless one of `useFactory`, `useClass` and `useExisting` is given.
   */
  static forRootAsync(options: SteppingModuleAsyncOptions): DynamicModule {
    refuseUnknown(options, 'forRootAsync', ASYNC_OPTIONS);
    const { transactionManager, isGlobal, imports } = options;
    return define(transactionManager, isGlobal, asyncProviders(options), imports);
  }

  /** Called by Nest: finds the databases and the steps, and creates the tables. */
  async onModuleInit(): Promise<void> {
    await this.preparation.initialize();
  }

  /** Called by Nest: claims nothing any more, ends what runs and hands leases back. */
  async onModuleDestroy(): Promise<void> {
    await this.lifecycle.stop();
  }
}

const FACTORIES = ['useFactory', 'useClass', 'useExisting'] as const;
const ASYNC_OPTIONS = ['imports', 'inject', ...FACTORIES, 'transactionManager', 'isGlobal'];

function define(
  strategy: TransactionManagerStrategy = selfTm(),
  isGlobal = true,
  options: Provider[],
  imports: DynamicModule['imports'] = [],
): DynamicModule {
  if (!isRecord(strategy) || !Array.isArray(strategy.providers)) {
    throw new InvalidOptionError(
      'transactionManager',
      strategy,
      'what selfTm(), dtm() or a strategy of your own returns',
    );
  }
  return {
    module: SteppingModule,
    global: isGlobal,
    imports: [SteppingLifecycleModule, ...imports, ...(strategy.imports ?? [])],
    providers: [...options, ...steppingProviders, ...strategy.providers],
    controllers: [...(strategy.controllers ?? [])],
    exports: [
      DistributedJobFactory,
      DistributedJobs,
      SteppingOperations,
      StepExecutor,
      StepRegistry,
      HTTP_OPTIONS,
    ],
  };
}

function asyncProviders(options: SteppingModuleAsyncOptions): Provider[] {
  const { useFactory, useClass, useExisting, inject = [] } = options;
  const given = FACTORIES.filter((name) => options[name] !== undefined);
  if (given.length !== 1) {
    const several = given.length === 0 ? undefined : given.join(' and ');
    throw new InvalidOptionError('forRootAsync', several, 'one of useFactory, useClass and useExisting');
  }
  if (useFactory) return [{ provide: STEPPING_MODULE_OPTIONS, useFactory, inject }];
  const factory = (useClass ?? useExisting)!;
  const provider: Provider = {
    provide: STEPPING_MODULE_OPTIONS,
    useFactory: (created: SteppingOptionsFactory) => created.createSteppingOptions(),
    inject: [factory],
  };
  return useClass ? [provider, { provide: useClass, useClass }] : [provider];
}
