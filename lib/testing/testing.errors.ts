import type { FaultPoint } from '../core/fault-point.js';
import { SteppingError } from '../errors/index.js';

/**
 * The helpers were used before they knew an application, or at a moment at which they cannot work.
 *
 * @publicApi
 */
export class TestingUsageError extends SteppingError {
  constructor(message: string) {
    super('TestingUsageError', message);
  }
}

/**
 * The jobs are not those that the test expects.
 *
 * @publicApi
 */
export class JobExpectationError extends SteppingError {
  constructor(message: string) {
    super('JobExpectationError', message, { code: 'STEPPING_TESTING_JOB_EXPECTATION', verbatim: true });
  }
}

/**
 * `drain()` or `advance()` came to no end: jobs go on being due.
 *
 * @publicApi
 */
export class DrainLimitError extends SteppingError {
  constructor(
    /** The most attempts that were allowed. */
    readonly limit: number,
    /** The jobs that are still due or waiting, one line for each. */
    readonly open: readonly string[],
  ) {
    super(
      'DrainLimitError',
      `After ${limit} attempts there are still jobs to run. Does a step start a job each time, or is it retried ` +
        `without a wait? drain({ limit }) allows more.\n${open.join('\n')}`,
      { code: 'STEPPING_TESTING_DRAIN_LIMIT', verbatim: true },
    );
  }
}

/**
 * What the application gets when it goes on after a crash that `crashAt()` asked for: a dead process starts
 * no jobs and reads none.
 *
 * @publicApi
 */
export class ProcessCrashedError extends SteppingError {
  constructor(/** Where it crashed; null when `restart()` ended it. */ readonly point: FaultPoint | null) {
    super(
      'ProcessCrashedError',
      point === null
        ? 'This process was ended by restart().'
        : `The process has crashed at '${point}', as the test asked for with crashAt(). Call restart() to go on.`,
      { code: 'STEPPING_TESTING_PROCESS_CRASHED' },
    );
  }
}
