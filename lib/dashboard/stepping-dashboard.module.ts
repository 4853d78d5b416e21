import {
  Module,
  Optional,
  type DynamicModule,
  type NestModule,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { HttpAdapterHost, ModuleRef, ModulesContainer } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { assertHasSettings } from '../core/imported-once.js';
import { DistributedJobs } from '../core/jobs/distributed-jobs.js';
import { LineLogger } from '../core/line-logger.js';
import { ofSteppingModule } from '../core/of-stepping-module.js';
import { SteppingOperations } from '../core/operations/stepping-operations.js';
import { refuseUnknown, requireOptions } from '../core/options.js';
import { InvalidOptionError, ModuleImportedTwiceError } from '../errors/index.js';
import { DashboardConsole } from './dashboard.console.js';
import { dashboardController } from './dashboard.controller.js';
import {
  resolveDashboardPlace,
  resolveDashboardSettings,
  type DashboardAsyncOptions,
  type DashboardOptions,
} from './dashboard.options.js';
import { TrailingSlash } from './trailing-slash.js';

/** Nest 10 takes two dynamic modules for one where they read the same as text, as functions and classes made in one place do. */
const DASHBOARD_ID = Symbol('DASHBOARD_ID');
const PLACE_OPTIONS = ['path', 'guards', 'decorators', 'imports'];
const ASYNC_OPTIONS = [...PLACE_OPTIONS, 'inject', 'useFactory'];

/**
 * The operator's console, a page of the application at `/stepping`: what the fleet does, which jobs fail and why, and what can be done about
 * it. Import it beside `SteppingModule`, in one module of an application with an HTTP server.
 *
 * Who gets in is said in `DashboardSettings`. With nothing said, it is not there when `NODE_ENV` is `production`, and elsewhere it answers this
 * machine alone.
 *
 * @publicApi
 */
@Module({})
export class SteppingDashboardModule implements NestModule, OnModuleInit {
  private readonly trailingSlash = new TrailingSlash();

  /** @internal Made by Nest. */
  constructor(
    private readonly modules: ModulesContainer,
    private readonly moduleRef: ModuleRef,
    private readonly host: HttpAdapterHost,
    @Optional() private readonly console: DashboardConsole,
  ) {
    this.assertImportedOnce();
    assertHasSettings(console, 'SteppingDashboardModule', ['forRoot', 'forRootAsync']);
  }

  /**
   * The dashboard with its settings.
   *
   * @throws InvalidOptionError for settings that cannot be.
   */
  static forRoot(options: DashboardOptions = {}): DynamicModule {
    requireOptions(options, 'SteppingDashboardModule');
    const { path, guards, decorators, imports, ...settings } = options;
    const resolved = resolveDashboardSettings(settings);
    return define({ path, guards, decorators, imports }, [], () => resolved);
  }

  /**
   * The dashboard with settings from a factory.
   *
   * @throws InvalidOptionError for an unknown option, and for a place that cannot be; at the start of the application for settings that cannot be.
   */
  static forRootAsync(options: DashboardAsyncOptions): DynamicModule {
    refuseUnknown(options, 'SteppingDashboardModule', ASYNC_OPTIONS);
    const { inject = [], useFactory, ...place } = options;
    if (typeof useFactory !== 'function') {
      throw new InvalidOptionError('SteppingDashboardModule.useFactory', useFactory, 'a function');
    }
    return define(place, inject, async (...args) => resolveDashboardSettings(await useFactory(...args)));
  }

  /** Called by Nest, before it registers routes. No middleware is added: it could be passed by. */
  configure(): void {
    this.trailingSlash.watch(this.host.httpAdapter);
  }

  /** Called by Nest, after it has registered routes: finds the jobs. */
  onModuleInit(): void {
    this.trailingSlash.register();
    this.console.open(this.find(DistributedJobs), this.find(SteppingOperations));
    if (this.console.gate.unconfigured === 'nobody') {
      new LineLogger('SteppingDashboard').warn(
        'The dashboard is not there, since NODE_ENV is production and nothing says who gets in. ' +
          "Write SteppingDashboardModule.forRoot({ guards: [AdminGuard], access: 'write' }), or give it 'basicAuth'.",
      );
    }
  }

  private find<T>(type: abstract new (...args: any[]) => T): T {
    return ofSteppingModule(this.moduleRef, type, 'SteppingDashboardModule');
  }

  private assertImportedOnce(): void {
    const ours = [...this.modules.values()].filter(({ metatype }) => metatype === SteppingDashboardModule);
    if (ours.length < 2) return;
    const importers = [...this.modules.values()].filter(({ imports }) =>
      ours.some((one) => imports.has(one)),
    );
    throw new ModuleImportedTwiceError(
      importers.map(({ name }) => name),
      'SteppingDashboardModule',
    );
  }
}

function define(
  given: Pick<DashboardOptions, 'path' | 'guards' | 'decorators' | 'imports'>,
  inject: NonNullable<DashboardAsyncOptions['inject']>,
  useFactory: (
    ...args: any[]
  ) => ReturnType<typeof resolveDashboardSettings> | Promise<ReturnType<typeof resolveDashboardSettings>>,
): DynamicModule {
  const place = resolveDashboardPlace(given);
  const provider: Provider = {
    provide: DashboardConsole,
    useFactory: async (...args: unknown[]) =>
      new DashboardConsole(await useFactory(...args), place.guards.length > 0),
    inject,
  };
  return {
    module: SteppingDashboardModule,
    imports: [...place.imports],
    controllers: [dashboardController(place)],
    providers: [provider, { provide: DASHBOARD_ID, useValue: randomUUID() }],
  };
}
