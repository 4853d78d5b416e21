import { InvalidStepArgumentsError, InvalidStepClassError } from '../../errors/index.js';
import type { ArgumentsValidator } from './arguments-validator.js';
import { ArgumentsConversionError, copyOf, fromPlain, toInstance, toJson } from './class-arguments.js';
import { APPLICATION_PATIENCE_MS } from '../patience.js';
import { within } from '../within.js';
import { ARGS_ROOT, assertPlainJson, pathOf } from './value-path.js';
import type {
  ArgumentsClass,
  ArgumentsProblem,
  StepDefinition,
  WhitelistOptions,
} from './step-definition.js';

/** The part of a step that the serializer needs. A step of another process has none. */
export type SerializableStep = Pick<StepDefinition, 'argsClass' | 'checkArguments' | keyof WhitelistOptions>;

/** Keeps the validations that go on after `serialize()` has returned. */
export interface ValidationsUnderWay {
  checks: Promise<unknown>[] | undefined;
}

/** Turns the arguments of steps into JSON and back. */
export class StepArgumentsSerializer {
  constructor(
    private readonly validator: ArgumentsValidator,
    /** For steps that say nothing else. */
    private readonly defaults: WhitelistOptions = {},
  ) {}

  /**
   * To be called for every step at start-up: a list of known properties that nobody wrote would remove all of them.
   *
   * @throws InvalidStepClassError when `whitelist` is on and nothing tells which properties the arguments have.
   */
  check({ name, place, argsClass, ...step }: StepDefinition): void {
    const demanded = step.whitelist === true || step.forbidNonWhitelisted === true;
    if (argsClass === undefined ? !demanded : !this.whitelistOf(step) || this.validator.knows(argsClass))
      return;
    const missing =
      argsClass === undefined
        ? "it has no 'args', so that nothing tells which properties its arguments have"
        : `class-validator knows no decorator of ${argsClass.name}`;
    const remedy = this.validator.installed
      ? `${missing}. Decorate every property (@Allow() where there is no rule)`
      : "the package 'class-validator' is not installed: npm install class-validator. Install it";
    throw new InvalidStepClassError(
      place,
      `'whitelist' is on for the step '${name}', but ${remedy}, or set whitelist: false in @Step().`,
    );
  }

  /**
   * The JSON text to store, or `undefined` for a step without arguments. The value itself is not changed.
   *
   * @throws InvalidStepArgumentsError when the text would not give the same arguments back, or they do not
   * pass their validation. Constraints that answer with a promise are left to `later`, whose `checks` reject with it, also when they take too
   * long: the COMMIT and the ROLLBACK of the caller's transaction wait for them.
   */
  serialize(
    stepName: string,
    step: SerializableStep | undefined,
    value: unknown,
    later?: ValidationsUnderWay,
  ): string | undefined {
    if (value === undefined && step?.checkArguments === undefined) return undefined;
    const refuse = (path: string, reason: string): never => {
      throw new InvalidStepArgumentsError(stepName, path, reason);
    };

    const argsClass = step?.argsClass;
    if (argsClass === undefined) {
      const json = assertPlainJson(value, refuse);
      refuseProblem(stepName, step?.checkArguments?.(value));
      return json;
    }
    return converting(stepName, () => {
      const whitelist = this.whitelistOf(step!);
      const given = toInstance(argsClass, value);
      // Properties are removed from it, and the caller's own instance stays as it is.
      const instance = whitelist && given === value ? copyOf(argsClass, given) : given;
      refuseProblem(stepName, this.validator.validateNow(argsClass, instance, whitelist));
      const json = toJson(argsClass, instance);
      if (later && this.validator.isAsynchronous(instance)) {
        // Of what is stored: the caller may go on changing the instance.
        const check = inTime(stepName, this.restore(stepName, step, JSON.parse(json)) as Promise<unknown>);
        check.catch(() => undefined);
        (later.checks ??= []).push(check);
      }
      return json;
    });
  }

  /**
   * Restores arguments from parsed JSON, which may be changed. Returns a promise where they are validated, and
   * `undefined` for a step without arguments.
   *
   * @throws InvalidStepArgumentsError, at once or through the promise, when they do not fit the step (any more). An
   * error that a validator throws is passed on.
   */
  restore(stepName: string, step: SerializableStep | undefined, stored: unknown): unknown {
    const argsClass = step?.argsClass;
    if (argsClass === undefined || stored === undefined) {
      refuseProblem(stepName, step?.checkArguments?.(stored));
      return stored;
    }
    return this.validated(
      stepName,
      step!,
      argsClass,
      converting(stepName, () => fromPlain(argsClass, stored)),
    );
  }

  private async validated(
    stepName: string,
    step: SerializableStep,
    argsClass: ArgumentsClass,
    instance: object,
  ): Promise<unknown> {
    const whitelist = this.whitelistOf(step);
    refuseProblem(stepName, await this.validator.validate(argsClass, instance, whitelist));
    return instance;
  }

  /** What class-validator is told; undefined where unknown properties stay. */
  private whitelistOf(step: WhitelistOptions): WhitelistOptions | undefined {
    const { whitelist, forbidNonWhitelisted } = this.defaults;
    const on = step.forbidNonWhitelisted || (step.whitelist ?? (whitelist || forbidNonWhitelisted));
    if (!on) return undefined;
    return {
      whitelist: true,
      forbidNonWhitelisted: step.forbidNonWhitelisted ?? forbidNonWhitelisted ?? false,
    };
  }
}

async function inTime(stepName: string, check: Promise<unknown>): Promise<void> {
  if (
    await within(
      APPLICATION_PATIENCE_MS,
      check.then(() => true),
    )
  )
    return;
  throw new InvalidStepArgumentsError(
    stepName,
    pathOf(ARGS_ROOT),
    `their asynchronous validation has not settled within ${APPLICATION_PATIENCE_MS} ms. See what its constraints wait for, and try again.`,
  );
}

function refuseProblem(stepName: string, problem: ArgumentsProblem | undefined): void {
  if (problem !== undefined) throw new InvalidStepArgumentsError(stepName, problem.path, problem.reason);
}

function converting<T>(stepName: string, convert: () => T): T {
  try {
    return convert();
  } catch (error) {
    if (!(error instanceof ArgumentsConversionError)) throw error;
    const { path, reason } = error.problem;
    throw new InvalidStepArgumentsError(stepName, path, reason, { cause: error.cause });
  }
}
