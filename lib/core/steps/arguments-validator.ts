import type { ArgumentsClass, ArgumentsProblem } from './step-definition.js';
import { ARGS_ROOT, pathOf, placeIn, type Place } from './value-path.js';

/** The part of class-validator that is used, described here because the package is optional. */
export interface ClassValidator {
  validate(target: object): Promise<ValidationProblem[]>;
  validateSync(target: object): ValidationProblem[];
  getMetadataStorage(): {
    getTargetValidationMetadatas(
      target: Function,
      schema: string,
      always: boolean,
      strictGroups: boolean,
    ): readonly unknown[];
  };
}

/** One error of class-validator. */
export interface ValidationProblem {
  readonly property: string;
  readonly constraints?: Readonly<Record<string, string>>;
  readonly children?: readonly ValidationProblem[];
}

const MODULE_NOT_FOUND: readonly unknown[] = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'];

/**
 * Validates arguments with class-validator, if it is installed and their class is decorated. An error that a
 * validator throws is passed on: it says nothing about the arguments.
 */
export class ArgumentsValidator {
  private readonly decorated = new WeakMap<ArgumentsClass, boolean>();

  constructor(private readonly validator: ClassValidator | undefined) {}

  /** Loads class-validator. Without it, everything is valid. */
  static async load(
    load: () => Promise<unknown> = () => import('class-validator'),
  ): Promise<ArgumentsValidator> {
    try {
      return new ArgumentsValidator((await load()) as ClassValidator);
    } catch (error) {
      if (isAbsent(error)) return new ArgumentsValidator(undefined);
      throw error;
    }
  }

  /** Validates synchronously, without asynchronous constraints. */
  validateNow(argsClass: ArgumentsClass, instance: object): ArgumentsProblem | undefined {
    return summarize(this.validatorOf(argsClass)?.validateSync(instance));
  }

  async validate(argsClass: ArgumentsClass, instance: object): Promise<ArgumentsProblem | undefined> {
    return summarize(await this.validatorOf(argsClass)?.validate(instance));
  }

  /** Undefined for a class without decorators: class-validator refuses instances of classes that it does not know. */
  private validatorOf(argsClass: ArgumentsClass): ClassValidator | undefined {
    let decorated = this.decorated.get(argsClass);
    if (decorated === undefined && this.validator) {
      const storage = this.validator.getMetadataStorage();
      decorated = storage.getTargetValidationMetadatas(argsClass, '', false, false).length > 0;
      this.decorated.set(argsClass, decorated);
    }
    return decorated ? this.validator : undefined;
  }
}

function isAbsent(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  // The quotes tell a missing class-validator from a missing dependency of it.
  return MODULE_NOT_FOUND.includes(code) && /['"]class-validator['"]/.test(String(message));
}

function summarize(problems: readonly ValidationProblem[] = []): ArgumentsProblem | undefined {
  const found = flatten(problems, ARGS_ROOT);
  const [first] = found;
  if (first === undefined) return undefined;
  const texts = found.map(({ path, text }) => (path === first.path ? text : `${path}: ${text}`));
  return { path: first.path, reason: `${texts.join('; ')}.` };
}

function flatten(problems: readonly ValidationProblem[], parent: Place): { path: string; text: string }[] {
  return problems.flatMap(({ property, constraints = {}, children = [] }) => {
    const place = placeIn(parent, /^\d+$/.test(property) ? Number(property) : property);
    const own = Object.values(constraints).map((text) => ({ path: pathOf(place), text }));
    return [...own, ...flatten(children, place)];
  });
}
