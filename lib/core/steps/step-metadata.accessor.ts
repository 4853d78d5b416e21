import 'reflect-metadata';
import type { Duration } from '../duration.js';
import type { RetryPolicy } from './retry-policy.js';
import type { ArgumentsCheck, ArgumentsClass } from './step-definition.js';

/** A global symbol, so that two copies of the library in one process read each other's steps. */
export const STEP_METADATA = Symbol.for('nestjs-stepping:step');

/** What `@Step()` writes on a class. */
export interface StepMetadata {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly argsClass?: ArgumentsClass;
  readonly retry?: RetryPolicy;
  readonly timeout?: Duration;
  readonly transactional: false | { readonly dataSource?: string };
  readonly checkArguments?: ArgumentsCheck;
}

/** Reads what `@Step()` wrote. */
export class StepMetadataAccessor {
  /**
   * The metadata of this very class. A subclass does not inherit it: it would be a second step of the same
   * name.
   */
  get(target: unknown): StepMetadata | undefined {
    if (typeof target !== 'function') return undefined;
    return Reflect.getOwnMetadata(STEP_METADATA, target) as StepMetadata | undefined;
  }
}
