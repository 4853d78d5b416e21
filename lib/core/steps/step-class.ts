import type { StepOverrides } from './step-overrides.js';

/**
 * A class with an `execute` method, whatever its constructor takes.
 *
 * @publicApi
 */
export type StepClass = abstract new (...args: any[]) => { execute(...args: any[]): unknown };

/**
 * The arguments of a step, inferred from its `execute`: none when it has no parameters or its first one is `void`, an optional value
 * when it may be `undefined`, else one value.
 *
 * @publicApi
 */
export type StepArguments<S extends StepClass> = ArgumentsOf<Parameters<InstanceType<S>['execute']>>;

/**
 * What `addStep(step, ...)` takes after the class: the arguments, and what this job wants otherwise. A step without arguments takes
 * `undefined` in their place.
 *
 * @publicApi
 */
export type StepCall<S extends StepClass> =
  StepArguments<S> extends readonly []
    ? [args?: undefined, options?: StepOverrides]
    : [...args: StepArguments<S>, options?: StepOverrides];

type ArgumentsOf<P extends readonly unknown[]> = P extends readonly []
  ? []
  : P extends readonly [infer A, ...unknown[]]
    ? FirstArgument<A>
    : P extends readonly [(infer A)?, ...unknown[]]
      ? [args?: A]
      : [];

// `any` and `unknown` could be anything, so something must be passed. The tuples keep unions together.
type FirstArgument<A> = [unknown] extends [A]
  ? [args: A]
  : [A] extends [void]
    ? []
    : [void] extends [A]
      ? [args?: Exclude<A, void>]
      : [undefined] extends [A]
        ? [args?: A]
        : [args: A];
