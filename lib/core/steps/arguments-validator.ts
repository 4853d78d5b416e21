import type { ArgumentsClass, ArgumentsProblem, WhitelistOptions } from './step-definition.js';
import { ARGS_ROOT, pathOf, placeIn, type Place } from './value-path.js';

/** The part of class-validator that is used, described here because the package is optional. */
export interface ClassValidator {
  validate(target: object, options?: WhitelistOptions): Promise<ValidationProblem[]>;
  validateSync(target: object, options?: WhitelistOptions): ValidationProblem[];
  getMetadataStorage(): {
    getTargetValidationMetadatas(
      target: Function,
      schema: string,
      always: boolean,
      strictGroups: boolean,
    ): readonly ValidationMetadata[];
    getTargetValidatorConstraints(target: Function): readonly { readonly async?: boolean }[];
  };
}

/** One decorator of a class. */
interface ValidationMetadata {
  readonly type?: string;
  /** The class behind `@Validate()` and decorators of the application's own. */
  readonly constraintCls?: Function;
}

/** What has to be known of a class. */
interface KnownClass {
  readonly decorated: boolean;
  /** A constraint of it answers with a promise. */
  readonly asynchronous: boolean;
  /** Objects in its instances are validated, too. */
  readonly nested: boolean;
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
  private readonly known = new WeakMap<Function, KnownClass>();

  constructor(private readonly validator: ClassValidator | undefined) {}

  /** Whether class-validator is installed. */
  get installed(): boolean {
    return this.validator !== undefined;
  }

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

  /** Validates synchronously, without asynchronous constraints. With `whitelist`, removes properties of the instance. */
  validateNow(
    argsClass: ArgumentsClass,
    instance: object,
    options?: WhitelistOptions,
  ): ArgumentsProblem | undefined {
    return summarize(this.validatorOf(argsClass)?.validateSync(instance, options));
  }

  async validate(
    argsClass: ArgumentsClass,
    instance: object,
    options?: WhitelistOptions,
  ): Promise<ArgumentsProblem | undefined> {
    return summarize(await this.validatorOf(argsClass)?.validate(instance, options));
  }

  /** Whether it can tell the properties of a class from others. */
  knows(argsClass: ArgumentsClass): boolean {
    return this.validatorOf(argsClass) !== undefined;
  }

  /** Whether `validateNow()` leaves something out: a constraint that answers with a promise, of the instance or of an object in it. */
  isAsynchronous(value: unknown, seen?: Set<unknown>): boolean {
    if (typeof value !== 'object' || value === null || seen?.has(value)) return false;
    const { constructor } = value;
    const { asynchronous, nested } = typeof constructor === 'function' ? this.classOf(constructor) : UNKNOWN;
    if (asynchronous) return true;
    // Collections are walked through for what is in them.
    if (!nested && constructor !== Array && constructor !== Map && constructor !== Set) return false;
    const members: Iterable<unknown> =
      value instanceof Map || value instanceof Set ? value.values() : Object.values(value);
    const walked = (seen ?? new Set()).add(value);
    for (const member of members) if (this.isAsynchronous(member, walked)) return true;
    return false;
  }

  /** Undefined for a class without decorators: class-validator refuses instances of classes that it does not know. */
  private validatorOf(argsClass: ArgumentsClass): ClassValidator | undefined {
    return this.classOf(argsClass).decorated ? this.validator : undefined;
  }

  private classOf(target: Function): KnownClass {
    let known = this.known.get(target);
    if (known === undefined) {
      const storage = this.validator?.getMetadataStorage();
      const decorators = storage?.getTargetValidationMetadatas(target, '', false, false) ?? [];
      known = {
        decorated: decorators.length > 0,
        asynchronous: decorators.some(
          ({ constraintCls }) =>
            constraintCls && storage!.getTargetValidatorConstraints(constraintCls).some((each) => each.async),
        ),
        nested: decorators.some(({ type }) => type === 'nestedValidation'),
      };
      this.known.set(target, known);
    }
    return known;
  }
}

const UNKNOWN: KnownClass = { decorated: false, asynchronous: false, nested: false };

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
