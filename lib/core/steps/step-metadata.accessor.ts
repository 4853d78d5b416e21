import 'reflect-metadata';
import type { StepMetadata } from './step-definition.js';

/** A global symbol, so that two copies of the library in one process read each other's steps. */
export const STEP_METADATA = Symbol.for('nestjs-stepping:step');

/** Reads what `@Step()` wrote. */
export class StepMetadataAccessor {
  /**
   * The metadata of this very class. A subclass does not inherit it, since two steps cannot have one name.
   */
  get(target: unknown): StepMetadata | undefined {
    if (typeof target !== 'function') return undefined;
    return Reflect.getOwnMetadata(STEP_METADATA, target) as StepMetadata | undefined;
  }
}
