import { describeList, SteppingError, type ErrorCause } from './stepping.error.js';

/**
 * One step name or alias is taken twice, or one step class is provided by two modules.
 *
 * @publicApi
 */
export class DuplicateStepNameError extends SteppingError {
  constructor(
    /** The name or alias that is taken twice. */
    readonly stepName: string,
    /** Both places, as `StepClass in ModuleClass`. */
    readonly places: readonly string[],
  ) {
    super(
      'DuplicateStepNameError',
      `The step name '${stepName}' is taken more than once: by ${places.join(' and by ')}. A stored job finds its ` +
        'step by this name: provide a step class in one module only (and export it), and give every class its ' +
        "own name with @Step('name').",
    );
  }
}

/**
 * A class cannot be used as a step.
 *
 * @publicApi
 */
export class InvalidStepClassError extends SteppingError {
  constructor(
    /** The name of the class. */
    readonly className: string,
    /** What is wrong with it. */
    readonly reason: string,
  ) {
    super('InvalidStepClassError', `${className} cannot be a step: ${reason}`);
  }
}

/**
 * This process provides no step of that name or class.
 *
 * @publicApi
 */
export class StepNotFoundError extends SteppingError {
  constructor(
    /** The name, or the class, of the step. */
    readonly step: string,
    /** The names and aliases of the steps that this process provides. */
    readonly known: readonly string[],
  ) {
    super(
      'StepNotFoundError',
      `The step '${step}' is not provided by this process (known: ${describeList(known)}). Decorate its class with ` +
        "@Step() and list it in the 'providers' of a module of this application that is not loaded lazily; for a step " +
        "that only another process provides, use addStep('name', args).",
    );
  }
}

/**
 * The arguments of a step would not come back from JSON as they were, or do not pass their validation, or that has not settled in time.
 *
 * @publicApi
 */
export class InvalidStepArgumentsError extends SteppingError {
  constructor(
    /** The name of the step. */
    readonly stepName: string,
    /** The place in the arguments, such as `args.lines[2].price`. */
    readonly path: string,
    /** What is wrong there. */
    readonly reason: string,
    options?: ErrorCause,
  ) {
    super(
      'InvalidStepArgumentsError',
      `Invalid arguments for the step '${stepName}' at ${path}: ${reason}`,
      options,
    );
  }
}

/**
 * The steps of a job, with their arguments, are larger than a job may be.
 *
 * @publicApi
 */
export class StepArgumentsTooLargeError extends SteppingError {
  constructor(
    /** The id of the job. */
    readonly gid: string,
    /** What the steps so far take as they are stored, in bytes. */
    readonly bytes: number,
    /** The most that is taken, in bytes. */
    readonly limit: number,
  ) {
    super(
      'StepArgumentsTooLargeError',
      `The steps and arguments of job '${gid}' take ${bytes} bytes; the limit is ${limit}. Store large data ` +
        'elsewhere and pass its id.',
    );
  }
}

/**
 * A job has more steps than a job may have.
 *
 * @publicApi
 */
export class TooManyStepsError extends SteppingError {
  constructor(
    /** The id of the job. */
    readonly gid: string,
    /** The most that a job may have. */
    readonly limit: number,
  ) {
    super(
      'TooManyStepsError',
      `Job '${gid}' has ${limit} steps, which is the most that a job may have. Start several jobs, or let one step ` +
        'do the work of many.',
    );
  }
}

/**
 * An attempt of a step took longer than its `timeout`. It is the reason of the attempt's signal, and
 * counts as a failed attempt.
 *
 * @publicApi
 */
export class StepTimeoutError extends SteppingError {
  constructor(
    /** The name of the step. */
    readonly stepName: string,
    /** Milliseconds. */
    readonly timeout: number,
    /** Whether it has begun, or was still waiting for its arguments or its dependencies. */
    begun = true,
  ) {
    super(
      'StepTimeoutError',
      begun
        ? `The step '${stepName}' did not end within ${timeout} ms. Pass context.signal to what it waits for, or raise ` +
            "its 'timeout'."
        : `The arguments or the dependencies of the step '${stepName}' were not there within ${timeout} ms. Look for a ` +
            'validator or a request-scoped provider that never settles.',
    );
  }
}

/**
 * The reason of a step's signal when the application shuts down. The job goes on in another process,
 * or after the restart.
 *
 * @publicApi
 */
export class StepInterruptedError extends SteppingError {
  constructor(/** Why the step is to end. */ readonly reason: 'shutdown') {
    super(
      'StepInterruptedError',
      'The application is shutting down: end the step now, its job goes on later.',
    );
  }
}

/**
 * To be thrown by a step that can never succeed: its job fails at once, without further attempts, and
 * can be retried by hand.
 *
 * @publicApi
 */
export class UnrecoverableStepError extends SteppingError {
  constructor(message: string, options?: ErrorCause) {
    super('UnrecoverableStepError', message, { ...options, verbatim: true });
  }
}

/**
 * `context.manager` was read in a step that is not transactional.
 *
 * @publicApi
 */
export class StepNotTransactionalError extends SteppingError {
  constructor(/** The name of the step. */ readonly stepName: string) {
    super(
      'StepNotTransactionalError',
      `The step '${stepName}' has no context.manager, because it is not transactional. Decorate it with ` +
        '@Step({ transactional: true }), or inject a DataSource.',
    );
  }
}

/**
 * `HttpRequestStep` got no answer, or one that is no success. The text never holds headers, the body that was sent, or
 * the parts of the URL that may be secret. It holds the beginning of the answer, which is the server's word.
 *
 * @publicApi
 */
export class HttpRequestError extends SteppingError {
  /** The HTTP status, when there was an answer. */
  readonly status: number | undefined;
  /** The first 500 characters of the answer, when there was one; without what the request had of secrets. */
  readonly answer: string | undefined;

  constructor(
    /** The method of the request. */
    readonly method: string,
    /** Host and path; parts of the path that may be a token are `***`. */
    readonly target: string,
    /** What went wrong. */
    readonly problem: string,
    {
      status,
      answer,
      cause,
    }: ErrorCause & { readonly status?: number | undefined; readonly answer?: string | undefined } = {},
  ) {
    const told = answer ? `. The answer begins with: ${answer}` : '.';
    super('HttpRequestError', `${method} ${target} failed: ${problem}${told}`, { cause });
    this.status = status;
    this.answer = answer;
  }
}

/**
 * The process ended while the step was running, perhaps again and again, or it could not tell how the attempt ended. When
 * no attempts are left, the job fails with it.
 *
 * @publicApi
 */
export class StepAbandonedError extends SteppingError {
  constructor(
    /** The name of the step. */
    readonly stepName: string,
    /** How many attempts were counted. */
    readonly attempts: number,
    /** How many of them, in a row, ended with their process. */
    readonly crashes: number,
  ) {
    super(
      'StepAbandonedError',
      `Of ${attempts} counted attempts of the step '${stepName}' ` +
        (crashes > 0
          ? `the last ${crashes} ended with their process. See whether the step brings its process down. `
          : 'none has succeeded. ') +
        'If the job has failed, it goes on with DistributedJobs.retry().',
    );
  }
}

/**
 * The transaction of a transactional step was ended by the step itself, or by the database after an error
 * that the step swallowed. Nothing of the attempt was marked done.
 *
 * @publicApi
 */
export class StepTransactionLostError extends SteppingError {
  constructor(/** The name of the step. */ readonly stepName: string) {
    super(
      'StepTransactionLostError',
      `The transaction of the transactional step '${stepName}' was not committed as one: a statement in it ended it ` +
        'or failed. Let database errors through, and leave BEGIN, COMMIT and ROLLBACK to the library.',
    );
  }
}

/**
 * A transactional step has used `context.manager` after its attempt was over.
 *
 * @publicApi
 */
export class StepTransactionClosedError extends SteppingError {
  constructor() {
    super(
      'StepTransactionClosedError',
      'The attempt of this transactional step is over; its manager takes no more statements. Await every ' +
        'statement, and stop when context.signal is aborted.',
    );
  }
}
