import 'reflect-metadata';
import { Injectable, type Scope } from '@nestjs/common';
import { InvalidStepClassError } from '../../errors/index.js';
import { describeValue } from '../../errors/stepping.error.js';
import type { Duration } from '../duration.js';
import { refuseUnknown } from '../options.js';
import { isName, NAME_RULE } from '../name.js';
import type { RetryPolicy } from './retry-policy.js';
import type { ArgumentsCheck, ArgumentsClass, StepMetadata } from './step-definition.js';

/** A global symbol, so that two copies of the library in one process read each other's steps. */
export const STEP_METADATA = Symbol.for('nestjs-stepping:step');

/** What `@Step()` wrote to this very class. A subclass does not inherit it, since two steps cannot have one name. */
export function stepMetadataOf(target: unknown): StepMetadata | undefined {
  if (typeof target !== 'function') return undefined;
  return Reflect.getOwnMetadata(STEP_METADATA, target) as StepMetadata | undefined;
}

/**
 * Options of `@Step()`.
 *
 * @publicApi
 */
export interface StepOptions<TArgs = unknown> {
  /**
   * The name stored with jobs: 1 to 255 characters, no control characters, no space at either end. Give one to every step: the default changes when the
   * class is renamed or the application is minified.
   *
   * @default the name of the class
   */
  readonly name?: string;
  /** Further names, such as former ones, under which stored jobs find the step. */
  readonly aliases?: readonly string[];
  /**
   * The class of the arguments: they are restored with class-transformer, so that `@Type()` brings dates
   * and nested classes back, and validated with class-validator where that is installed and the class is
   * decorated. Without it arguments are plain JSON.
   */
  readonly args?: new (...args: any[]) => TArgs;
  /**
   * As in Nest's `ValidationPipe`: properties of the arguments, and of nested objects that are validated, are removed if class-validator
   * knows no decorator for them. `@Allow()` is one for those without a rule. Needs `args`, with decorators.
   *
   * @default `whitelist` of the module
   */
  readonly whitelist?: boolean;
  /**
   * As in Nest's `ValidationPipe`: such properties are refused instead. It implies `whitelist`.
   *
   * @default `forbidNonWhitelisted` of the module
   */
  readonly forbidNonWhitelisted?: boolean;
  /** When a failed attempt is repeated. Options are laid over the module's; a function replaces them. */
  readonly retry?: RetryPolicy;
  /**
   * The longest that an attempt may take; then its signal aborts and the attempt has failed.
   *
   * @default that of the step class that this one extends, if it has one, else no limit
   */
  readonly timeout?: Duration;
  /**
   * How many attempts of the step run at once in one process. Jobs that wait for a slot do not hold up others. On DTM the
   * server decides.
   *
   * @default 7/8 of the `concurrency` of the process if that is 4 or more and it provides other steps too, else all of it
   */
  readonly concurrency?: number;
  /**
   * Runs `execute` in a database transaction, `context.manager`, in which the step is also marked done, so
   * that what it writes there happens exactly once. `true` takes the DataSource of the module.
   *
   * @default false
   */
  readonly transactional?: boolean | { readonly dataSource: string };
  /**
   * The scope of the provider, as in `@Injectable()`. A class that is not a singleton gets a DI context of
   * its own for each attempt.
   */
  readonly scope?: Scope;
}

/**
 * The decorator that `@Step()` gives: it takes classes whose `execute` accepts `TArgs`.
 *
 * @publicApi
 */
export type StepDecorator<TArgs = never> = <
  // A property, not a method, so that the parameter is compared strictly.
  C extends abstract new (...args: any[]) => { execute: (args: TArgs, context: any) => unknown },
>(
  target: C,
) => void;

const STEP_OPTIONS = [
  'name',
  'aliases',
  'args',
  'whitelist',
  'forbidNonWhitelisted',
  'retry',
  'timeout',
  'concurrency',
  'transactional',
  'scope',
];

/** What `@Injectable()` leaves on a class. */
const INJECTABLE_METADATA = '__injectable__';

/**
 * Makes a class a step, and injectable. List it in the `providers` of a module.
 *
 * It does not compile on a class without `execute`, or whose `args` class does not fit `execute`'s first
 * parameter.
 *
 * @throws InvalidStepClassError when a name or alias is empty, too long, or has control characters or a space at either end,
 * and when `args` is no class. InvalidOptionError for an unknown option.
 *
 * @publicApi
 */
export function Step(name?: string): StepDecorator;
export function Step<TArgs = never>(options: StepOptions<TArgs>): StepDecorator<TArgs>;
export function Step(nameOrOptions: string | StepOptions = {}): StepDecorator {
  const options = typeof nameOrOptions === 'string' ? { name: nameOrOptions } : nameOrOptions;
  return (target) => defineStep(target, options);
}

/**
 * What `@Step()` does; built-in steps bring their own check of the arguments, which their subclasses keep unless they have a class of
 * arguments. A time-out is kept as well: a subclass that waits without end where its parent does not would surprise.
 */
export function defineStep(
  target: abstract new (...args: any[]) => unknown,
  options: StepOptions,
  checkArguments?: ArgumentsCheck,
): void {
  const className = target.name || 'A class without a name';
  refuseUnknown(options, `@Step() of ${className}`, STEP_OPTIONS);
  const {
    name = target.name,
    aliases = [],
    args,
    whitelist,
    forbidNonWhitelisted,
    retry,
    timeout,
    concurrency,
    transactional,
    scope,
  } = options;
  if (typeof transactional === 'object') {
    refuseUnknown(transactional, `@Step() of ${className}.transactional`, ['dataSource']);
  }
  const names = [name, ...aliases];
  for (const each of names) checkName(each, className);
  if ('args' in options && typeof args !== 'function') throw noArgsClass(className, args);

  const parent = Reflect.getMetadata(STEP_METADATA, target) as StepMetadata | undefined;
  const metadata: StepMetadata = {
    name,
    aliases: [...new Set(aliases)].filter((alias) => alias !== name),
    argsClass: args as ArgumentsClass | undefined,
    whitelist,
    forbidNonWhitelisted,
    retry,
    timeout: timeout ?? parent?.timeout,
    concurrency,
    transactional: transactional === true ? {} : (transactional ?? false),
    checkArguments: checkArguments ?? (args === undefined ? parent?.checkArguments : undefined),
  };
  Reflect.defineMetadata(STEP_METADATA, Object.freeze(metadata), target);
  // Without a scope of ours, one that @Injectable() gave to the class already must stay.
  if (scope !== undefined || !Reflect.hasOwnMetadata(INJECTABLE_METADATA, target)) {
    Injectable(scope === undefined ? undefined : { scope })(target);
  }
}

function noArgsClass(className: string, args: unknown): InvalidStepClassError {
  return new InvalidStepClassError(
    className,
    args === undefined
      ? "its 'args' is undefined: the class is not there yet when @Step() runs. Look for a circular import, or for a " +
          'class that stands further down in the file; without a class of arguments, leave the option out.'
      : `its 'args' is ${describeValue(args)} and no class.`,
  );
}

function checkName(name: unknown, className: string): void {
  if (isName(name)) return;
  throw new InvalidStepClassError(
    className,
    `its name or alias ${describeValue(name)} is not ${NAME_RULE}. Write @Step('name') with one that is.`,
  );
}
