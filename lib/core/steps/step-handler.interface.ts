import type { StepContext } from './step-context.js';

/**
 * What a class decorated with `@Step()` implements.
 *
 * A step runs at least once: a crash, a time-out or an error repeats it, so that doing it twice must be as
 * good as doing it once (see `StepContext.idempotencyKey` and `StepOptions.transactional`).
 *
 * @publicApi
 */
export interface StepHandler<TArgs = void> {
  /**
   * Does the work; what it returns is awaited and dropped. Throwing is a retry; throwing
   * `UnrecoverableStepError` fails the job.
   */
  execute(args: TArgs, context: StepContext): unknown;
}
