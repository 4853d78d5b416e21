import { ContextIdFactory, ModuleRef, type ModulesContainer } from '@nestjs/core';
import { isolated } from '../detached.js';
import { InvalidStepClassError } from '../../errors/index.js';
import { parseDuration } from '../duration.js';
import { checkedOption } from '../options.js';
import { resolveRetryPolicy } from './retry-policy.js';
import type { ResolvedStep, StepDefinition } from './step-definition.js';
import { stepMetadataOf } from './step.decorator.js';

// Nest exports the container of modules, but not the types of what is in it.
type HostModule = ModulesContainer extends Map<string, infer M> ? M : never;
type ProviderWrapper = HostModule['providers'] extends Map<unknown, infer W> ? W : never;

/** A step of which more may be found: the same instance under another token. */
type FoundStep = StepDefinition & { place: string; readonly classes: object[] };

const concurrencyOf = checkedOption<number>(
  (value) => Number.isSafeInteger(value) && Number(value) >= 1,
  'a whole number from 1',
);

const flagOf = checkedOption<boolean>((value) => typeof value === 'boolean', 'true or false');

/** Finds the steps among the providers of all modules of the application. */
export class StepExplorer {
  constructor(private readonly modules: ModulesContainer) {}

  /**
   * Call it once all providers are instantiated, never in a constructor.
   *
   * @throws InvalidStepClassError for a class without `execute`, and for a factory that is not a singleton.
   * @throws InvalidOptionError for a `timeout`, `retry` or `concurrency` that cannot be.
   */
  explore(): StepDefinition[] {
    const found: FoundStep[] = [];
    // An instance under several tokens, through an alias or a factory that passes it on, is one step.
    const byInstance = new Map<object, FoundStep>();
    for (const module of this.modules.values()) {
      for (const [token, wrapper] of module.providers) {
        const step = isSingleton(wrapper)
          ? this.singleton(token, wrapper, module, byInstance)
          : this.perContext(token, wrapper, module);
        if (step !== undefined) found.push(step);
      }
    }
    return found;
  }

  private singleton(
    token: unknown,
    wrapper: ProviderWrapper,
    module: HostModule,
    byInstance: Map<object, FoundStep>,
  ): FoundStep | undefined {
    const instance: unknown = wrapper.instance;
    if (typeof instance !== 'object' || instance === null) return undefined;
    const instanceClass = classOf(instance);
    // For a factory or a value, the class of the instance says more than the token. A fake of a test has no metadata;
    // it replaces the class that it is provided for.
    const classes = this.stepClasses(instanceClass, token);
    const [stepClass] = classes;
    if (stepClass === undefined) return undefined;
    const known = byInstance.get(instance);
    if (known !== undefined) {
      known.classes.push(...classes.filter((each) => !known.classes.includes(each)));
      if (token === stepClass) known.place = placeOf(stepClass, token, module);
      return undefined;
    }
    const step = this.found(stepClass, classes, token, module, () => ({ handler }));
    const handler = assertHandler(instance, nameOf(stepClass));
    byInstance.set(instance, step);
    return step;
  }

  private perContext(token: unknown, wrapper: ProviderWrapper, module: HostModule): FoundStep | undefined {
    // The provider behind an alias is found on its own.
    if (wrapper.isAlias) return undefined;
    const isFactory = wrapper.inject != null;
    const classes = this.stepClasses(isFactory ? undefined : wrapper.metatype, token);
    const [stepClass] = classes;
    if (stepClass === undefined) return undefined;
    const step = this.found(stepClass, classes, token, module, async () => {
      const moduleRef = module.providers.get(ModuleRef)!.instance as ModuleRef;
      // Strict: another module may have another provider under this token.
      const options = { strict: true } as const;
      const context = ContextIdFactory.create();
      const instance: unknown = await isolated(() => moduleRef.resolve(token as string, context, options));
      return { handler: assertHandler(instance, nameOf(stepClass)) };
    });
    if (isFactory) {
      throw new InvalidStepClassError(
        nameOf(stepClass),
        `it is provided by a factory that is not a singleton (${step.place}). Provide the class itself, or ` +
          'make the factory and what it injects singletons.',
      );
    }
    return step;
  }

  private stepClasses(...candidates: unknown[]): object[] {
    return candidates.filter((each) => stepMetadataOf(each) !== undefined) as object[];
  }

  private found(
    stepClass: object,
    classes: object[],
    token: unknown,
    module: HostModule,
    resolve: StepDefinition['resolve'],
  ): FoundStep {
    const { timeout, concurrency, whitelist, forbidNonWhitelisted, ...metadata } = stepMetadataOf(stepClass)!;
    const option = (name: string): string => `@Step(${metadata.name}).${name}`;
    // Checked here, so that a mistake shows when the application starts. The module's defaults are added later.
    resolveRetryPolicy(metadata.retry, option('retry'));
    return {
      ...metadata,
      timeout: timeout === undefined ? undefined : parseDuration(timeout, option('timeout'), { min: 1 }),
      concurrency: concurrencyOf(concurrency, option('concurrency')),
      whitelist: flagOf(whitelist, option('whitelist')),
      forbidNonWhitelisted: flagOf(forbidNonWhitelisted, option('forbidNonWhitelisted')),
      place: placeOf(stepClass, token, module),
      classes: [...new Set(classes)],
      resolve,
    };
  }
}

function isSingleton(wrapper: ProviderWrapper): boolean {
  return !wrapper.isTransient && wrapper.isDependencyTreeStatic();
}

/** The class of an instance, by its prototype: reading a property of a lazy proxy may throw. */
function classOf(instance: object): unknown {
  return (Object.getPrototypeOf(instance) as { constructor?: unknown } | null)?.constructor;
}

function assertHandler(instance: unknown, className: string): ResolvedStep['handler'] {
  const handler = instance as ResolvedStep['handler'] | null | undefined;
  if (typeof handler?.execute === 'function') return handler;
  throw new InvalidStepClassError(className, 'it has no method execute(args, context).');
}

function placeOf(stepClass: object, token: unknown, module: HostModule): string {
  const as = token === stepClass ? '' : ` (provided as ${nameOf(token)})`;
  return `${nameOf(stepClass)}${as} in ${module.metatype.name}`;
}

function nameOf(token: unknown): string {
  return typeof token === 'function' ? token.name : String(token);
}
