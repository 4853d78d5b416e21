import { InvalidStepArgumentsError } from '../../errors/index.js';
import type { ArgumentsValidator } from './arguments-validator.js';
import { ArgumentsConversionError, fromPlain, toInstance, toJson } from './class-arguments.js';
import { assertPlainJson } from './value-path.js';
import type { ArgumentsClass, ArgumentsProblem, StepDefinition } from './step-definition.js';

/** The part of a step that the serializer needs. A step of another process has none. */
export type SerializableStep = Pick<StepDefinition, 'argsClass' | 'checkArguments'>;

/** Turns the arguments of steps into JSON and back. */
export class StepArgumentsSerializer {
  constructor(private readonly validator: ArgumentsValidator) {}

  /**
   * The JSON text to store, or `undefined` for a step without arguments. The value itself is not changed.
   *
   * @throws InvalidStepArgumentsError when the text would not give the same arguments back, or they do not
   * pass their validation.
   */
  serialize(stepName: string, step: SerializableStep | undefined, value: unknown): string | undefined {
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
      const instance = toInstance(argsClass, value);
      refuseProblem(stepName, this.validator.validateNow(argsClass, instance));
      return toJson(argsClass, instance);
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
      argsClass,
      converting(stepName, () => fromPlain(argsClass, stored)),
    );
  }

  private async validated(stepName: string, argsClass: ArgumentsClass, instance: object): Promise<unknown> {
    refuseProblem(stepName, await this.validator.validate(argsClass, instance));
    return instance;
  }
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
