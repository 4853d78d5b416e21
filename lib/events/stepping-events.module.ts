import {
  Module,
  Optional,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type FactoryProvider,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { assertHasSettings, assertImportedOnce } from '../core/imported-once.js';
import { DistributedJobFactory } from '../core/jobs/distributed-job.factory.js';
import { ofSteppingModule } from '../core/of-stepping-module.js';
import { refuseUnknown, requireOptions } from '../core/options.js';
import { provide } from '../core/provide.js';
import { InvalidOptionError } from '../errors/index.js';
import { EventOutbox } from './event-outbox.js';
import { EventTransports } from './event-transports.js';
import {
  EVENTS_PLACE,
  resolveEventsOptions,
  type ResolvedEventsOptions,
  type SteppingEventsModuleAsyncOptions,
  type SteppingEventsModuleOptions,
} from './events.options.js';
import { inboxProviders } from './inbox.providers.js';
import { Inbox } from './inbox.js';
import { PublishEventStep } from './publish-event.step.js';

/** The token of `ResolvedEventsOptions`. */
export const EVENTS_OPTIONS = Symbol('STEPPING_EVENTS_OPTIONS');
/** Nest 10 takes two dynamic modules for one where they read the same as text, as functions and classes made in one place do. */
const EVENTS_ID = Symbol('STEPPING_EVENTS_ID');
const ASYNC_OPTIONS = ['imports', 'inject', 'useFactory'];

/**
 * Brings events to an application: `EventOutbox`, which publishes them with a transaction, and `Inbox`, which receives each once. Import it beside `SteppingModule`, in one module. It is
 * global.
 *
 * No broker has to be there when the application starts: clients are connected when the first event is published.
 *
 * @publicApi
 */
@Module({})
export class SteppingEventsModule implements OnModuleInit, BeforeApplicationShutdown {
  /** @internal Made by Nest. */
  constructor(
    modules: ModulesContainer,
    private readonly moduleRef: ModuleRef,
    @Optional() private readonly transports: EventTransports,
  ) {
    assertImportedOnce(modules, SteppingEventsModule, 'SteppingEventsModule');
    assertHasSettings(transports, 'SteppingEventsModule', ['forRoot', 'forRootAsync']);
  }

  /**
   * The module with its settings.
   *
   * @throws InvalidOptionError for settings that cannot be; at the start of the application for a client that is not there, or is there twice.
   */
  static forRoot(options: SteppingEventsModuleOptions = {}): DynamicModule {
    requireOptions(options, EVENTS_PLACE);
    const { imports, ...settings } = options;
    const resolved = resolveEventsOptions(settings);
    return define(imports, { provide: EVENTS_OPTIONS, useValue: resolved });
  }

  /**
   * The module with settings from a factory.
   *
   * @throws InvalidOptionError for an unknown option; at the start of the application for settings that cannot be.
   */
  static forRootAsync(options: SteppingEventsModuleAsyncOptions): DynamicModule {
    refuseUnknown(options, EVENTS_PLACE, ASYNC_OPTIONS);
    const { imports, inject = [], useFactory } = options;
    if (typeof useFactory !== 'function') {
      throw new InvalidOptionError(`${EVENTS_PLACE}.useFactory`, useFactory, 'a function');
    }
    return define(imports, {
      provide: EVENTS_OPTIONS,
      useFactory: async (...args: unknown[]): Promise<ResolvedEventsOptions> =>
        resolveEventsOptions(await useFactory(...args)),
      inject,
    });
  }

  /** Called by Nest: finds the jobs and the clients. */
  onModuleInit(): void {
    jobFactory(this.moduleRef);
    this.transports.connect();
  }

  /** Called by Nest, when no step runs any more. The clients are closed after that, by their modules. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.transports.close();
  }
}

const providers: Provider[] = [
  provide(EventTransports, EVENTS_OPTIONS, ModuleRef),
  provide(PublishEventStep, EventTransports),
  {
    provide: EventOutbox,
    useFactory: (transports: EventTransports, moduleRef: ModuleRef) =>
      new EventOutbox(transports, () => jobFactory(moduleRef)),
    inject: [EventTransports, ModuleRef],
  },
];

function define(imports: DynamicModule['imports'] = [], options: Provider | FactoryProvider): DynamicModule {
  return {
    module: SteppingEventsModule,
    global: true,
    imports,
    providers: [
      { provide: EVENTS_ID, useValue: randomUUID() },
      options,
      ...providers,
      ...inboxProviders(EVENTS_OPTIONS),
    ],
    // A subclass of the step is a provider of any module.
    exports: [EventOutbox, EventTransports, Inbox],
  };
}

/** `SteppingModule` need not be global. */
function jobFactory(moduleRef: ModuleRef): DistributedJobFactory {
  return ofSteppingModule(moduleRef, DistributedJobFactory, 'SteppingEventsModule');
}
