import { DuplicateStepNameError, InvalidStepClassError, StepNotFoundError } from '../../errors/index.js';
import type { StepClass } from './step-class.js';
import type { StepDefinition } from './step-definition.js';
import { stepMetadataOf } from './step.decorator.js';

/** Names may be made up at run time, any number of them. */
const MAX_FOREIGN = 1000;

/**
 * Knows the steps that this process provides, from the application's bootstrap on. Inject it into a strategy of your own.
 *
 * @publicApi
 */
export class StepRegistry {
  private readonly byName = new Map<string, StepDefinition>();
  private readonly byClass = new Map<object, StepDefinition>();
  private count = 0;
  private readonly others = new Set<string>();

  /**
   * Adds steps.
   *
   * @internal Called by the library.
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
      this.count += 1;
      for (const stepClass of definition.classes) this.byClass.set(stepClass, definition);
    }
  }

  /** @internal The step of that name or alias. */
  get(name: string): StepDefinition | undefined {
    return this.byName.get(name);
  }

  /** Whether this process provides a step of that name or alias. */
  has(name: string): boolean {
    return this.byName.has(name);
  }

  /** @internal Whether this process provides more than one step. */
  get hasSeveral(): boolean {
    return this.count > 1;
  }

  /** @internal Notes a name that a job was given here, and that this process does not provide. */
  noteForeign(name: string): void {
    if (this.others.size < MAX_FOREIGN) this.others.add(name);
  }

  /** @internal Names that jobs were given here and that other processes have to provide. */
  get foreign(): ReadonlySet<string> {
    return this.others;
  }

  /** The names and aliases of all steps. */
  names(): string[] {
    return [...this.byName.keys()];
  }

  /**
   * The name that a job stores for a step class.
   *
   * @internal Called by the library.
   * @throws StepNotFoundError when no module of this process provides the class.
   * @throws InvalidStepClassError when the class is not decorated with `@Step()`.
   */
  nameOf(stepClass: StepClass): string {
    const definition = this.byClass.get(stepClass);
    if (definition !== undefined) return definition.name;
    const className = typeof stepClass === 'function' ? stepClass.name : String(stepClass);
    if (stepClass === undefined || stepClass === null) {
      throw new InvalidStepClassError(
        className,
        'pass a class with @Step(), or a name. Is there a circular import?',
      );
    }
    if (stepMetadataOf(stepClass) === undefined) {
      throw new InvalidStepClassError(className, 'it is not decorated with @Step().');
    }
    throw new StepNotFoundError(className, this.names());
  }
}
