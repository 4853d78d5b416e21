import { ContextIdFactory, MetadataScanner, ModuleRef, type ModulesContainer } from '@nestjs/core';
import type { EventListener, SteppingEventBus } from './event-bus.js';
import { eventsOf } from './on-stepping-event.decorator.js';
import type { SteppingEventName } from './stepping-events.js';

// Nest exports the container of modules, but not the types of what is in it.
type HostModule = ModulesContainer extends Map<string, infer M> ? M : never;
type ProviderWrapper = HostModule['providers'] extends Map<unknown, infer W> ? W : never;

/** A method that is decorated with `@OnSteppingEvent()`. */
interface ListeningMethod {
  readonly name: string;
  readonly events: readonly SteppingEventName[];
}

/** Finds the methods with `@OnSteppingEvent()` in the providers and controllers of all modules. */
export class EventExplorer {
  private readonly scanner = new MetadataScanner();

  constructor(
    private readonly modules: ModulesContainer,
    private readonly events: SteppingEventBus,
  ) {}

  /** Call it once all providers are instantiated, never in a constructor. */
  explore(): void {
    const known = new Set<object>();
    for (const module of this.modules.values()) {
      for (const [token, wrapper] of [...module.providers, ...module.controllers]) {
        // The provider behind an alias is found on its own.
        if (wrapper.isAlias) continue;
        if (!wrapper.isTransient && wrapper.isDependencyTreeStatic()) this.addSingleton(wrapper, known);
        // What a factory makes in each context is known too late.
        else if (wrapper.inject == null) this.addPerContext(token, wrapper, module);
      }
    }
  }

  private addSingleton({ instance }: ProviderWrapper, known: Set<object>): void {
    if (typeof instance !== 'object' || instance === null || known.has(instance)) return;
    known.add(instance);
    const prototype: unknown = Object.getPrototypeOf(instance);
    for (const method of this.methodsOf(prototype)) {
      this.add(prototype, method, (event) => methodOf(instance, method)(event));
    }
  }

  private addPerContext(token: unknown, wrapper: ProviderWrapper, module: HostModule): void {
    const prototype: unknown = (wrapper.metatype as { prototype?: unknown } | null)?.prototype;
    const moduleRef = module.providers.get(ModuleRef)!.instance as ModuleRef;
    for (const method of this.methodsOf(prototype)) {
      this.add(prototype, method, async (event) => {
        // Strict: another module may have another provider under this token.
        const context = ContextIdFactory.create();
        const instance: object = await moduleRef.resolve(token as string, context, { strict: true });
        return methodOf(instance, method)(event);
      });
    }
  }

  private methodsOf(prototype: unknown): ListeningMethod[] {
    if (typeof prototype !== 'object' || prototype === null) return [];
    return this.scanner
      .getAllMethodNames(prototype)
      .map((name) => ({ name, events: eventsOf((prototype as Record<string, unknown>)[name]) }))
      .filter(({ events }) => events.length > 0);
  }

  private add(prototype: unknown, { name, events }: ListeningMethod, call: EventListener['call']): void {
    const place = `${(prototype as object).constructor.name}.${name}`;
    for (const event of new Set(events)) this.events.subscribe(event, { place, call });
  }
}

function methodOf(instance: object, { name }: ListeningMethod): EventListener['call'] {
  return (event) => (instance as Record<string, EventListener['call']>)[name]!(event);
}
