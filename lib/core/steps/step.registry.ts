import { DuplicateStepNameError, InvalidStepClassError, StepNotFoundError } from '../../errors/index.js';
import type { StepClass } from './step-class.js';
import type { StepDefinition } from './step-definition.js';
import { StepMetadataAccessor } from './step-metadata.accessor.js';

/** Holds the steps that this process provides. */
export class StepRegistry {
  private readonly byName = new Map<string, StepDefinition>();
  private readonly byClass = new Map<object, StepDefinition>();

  constructor(private readonly metadata = new StepMetadataAccessor()) {}

  /**
   * Adds steps.
   *
   * @throws DuplicateStepNameError when a name or alias is taken, which is also how a class that two modules
   * provide shows.
   */
  register(definitions: Iterable<StepDefinition>): void {
    for (const definition of definitions) {
      for (const name of [definition.name, ...definition.aliases]) {
        const other = this.byName.get(name);
        if (other !== undefined) throw new DuplicateStepNameError(name, [other.place, definition.place]);
        this.byName.set(name, definition);
      }
      for (const stepClass of definition.classes) this.byClass.set(stepClass, definition);
    }
  }

  /** The step of that name or alias. */
  get(name: string): StepDefinition | undefined {
    return this.byName.get(name);
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  /** All names and aliases. */
  names(): string[] {
    return [...this.byName.keys()];
  }

  /**
   * The name that a job stores for a step class.
   *
   * @throws StepNotFoundError when no module of this process provides the class.
   * @throws InvalidStepClassError when the class is not decorated with `@Step()`.
   */
  nameOf(stepClass: StepClass): string {
    const definition = this.byClass.get(stepClass);
    if (definition !== undefined) return definition.name;
    const className = typeof stepClass === 'function' ? stepClass.name : String(stepClass);
    if (this.metadata.get(stepClass) === undefined) {
      throw new InvalidStepClassError(className, 'it is not decorated with @Step().');
    }
    throw new StepNotFoundError(className, this.names());
  }
}
