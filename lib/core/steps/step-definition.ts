import type { Duration } from '../duration.js';
import type { RetryPolicy } from './retry-policy.js';
import type { StepContext } from './step-context.js';

/** A class that arguments are restored to. */
export type ArgumentsClass = new (...args: any[]) => object;

/** A place in the arguments and what is wrong there. */
export interface ArgumentsProblem {
  readonly path: string;
  readonly reason: string;
}

/** What becomes of properties that the class of the arguments does not know; the names are those of Nest's `ValidationPipe`. */
export interface WhitelistOptions {
  /** Properties without a decorator of class-validator are removed. */
  readonly whitelist?: boolean | undefined;
  /** They are refused instead. */
  readonly forbidNonWhitelisted?: boolean | undefined;
}

/** A built-in step's own check of its arguments, where decorators of an optional package cannot be used. */
export type ArgumentsCheck = (args: unknown) => ArgumentsProblem | undefined;

/** What runs a step: an instance of its class, or whatever stands in for it. */
export interface ResolvedStep {
  readonly handler: { execute(args: unknown, context: StepContext): unknown };
  /** To be called when the attempt is over. */
  release?(): void;
}

/** What `@Step()` writes on a class. */
export interface StepMetadata extends WhitelistOptions {
  /** The name that new jobs store. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly argsClass?: ArgumentsClass;
  readonly checkArguments?: ArgumentsCheck;
  /** As written on the step; to be laid over the module's default. */
  readonly retry?: RetryPolicy;
  readonly timeout?: Duration;
  /** How many attempts run at once in one process. */
  readonly concurrency?: number;
  /** Without `dataSource`: the DataSource of the module. */
  readonly transactional: false | { readonly dataSource?: string };
}

/** A step as this process provides it. */
export interface StepDefinition extends StepMetadata {
  /** Milliseconds. */
  readonly timeout?: number;
  /** Where the step was found, as `StepClass in ModuleClass`. */
  readonly place: string;
  /** The classes by which `addStep()` finds the step: the one it is provided under, and its instance's. */
  readonly classes: readonly object[];
  /** Gives what runs the step: always the same singleton, or a new instance in a DI context of its own. */
  resolve(): ResolvedStep | Promise<ResolvedStep>;
}
