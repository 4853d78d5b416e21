import { Logger } from '@nestjs/common';
import type { EntityManagerLike } from '../transactions/typeorm.types.js';
import { errorText } from '../../errors/error-text.js';
import { InvalidStepArgumentsError, StepInterruptedError, StepTimeoutError } from '../../errors/index.js';
import { within } from '../within.js';
import type { StepArgumentsSerializer } from './step-arguments.serializer.js';
import { createStepContext } from './step-context.js';
import type { KnownAttempt, StepOutcome } from './step-attempt.js';
import type { ResolvedStep } from './step-definition.js';

/** Runs the body of a step; a transactional step's is wrapped in its transaction. */
export type StepBody = (call: (manager?: EntityManagerLike) => Promise<void>) => Promise<void>;

const SUCCEEDED: StepOutcome = { kind: 'succeeded' };

/** How many milliseconds a step may take to settle after its signal, unless the transaction manager says otherwise. */
const GRACE_PERIOD_MS = 10_000;

/** Runs one attempt of a step: arguments, instance, time-out. It knows nothing of jobs and stores. */
export class AttemptRunner {
  private readonly logger = new Logger('StepExecutor');

  constructor(private readonly serializer: StepArgumentsSerializer) {}

  /** Without a `body` the step is called directly. */
  async run(attempt: KnownAttempt, body?: StepBody): Promise<StepOutcome> {
    const { definition, stop } = attempt;
    let args: unknown;
    try {
      const restored = this.serializer.restore(attempt.stepName, definition, attempt.readArgs());
      args = restored instanceof Promise ? await restored : restored;
    } catch (error) {
      return { kind: error instanceof InvalidStepArgumentsError ? 'unfit' : 'failed', error };
    }

    let resolved: ResolvedStep;
    try {
      const provided = definition.resolve();
      resolved = provided instanceof Promise ? await provided : provided;
    } catch (error) {
      return { kind: 'failed', error };
    }

    const { timeout } = definition;
    const expire = (): void => stop.request(new StepTimeoutError(attempt.stepName, timeout!));
    const timer = timeout === undefined ? undefined : setTimeout(expire, timeout);
    try {
      const call = (manager?: EntityManagerLike): unknown =>
        resolved.handler.execute(args, createStepContext(attempt, manager));
      const work = body ? body(async (manager) => void (await call(manager))) : begin(call);
      if (work === undefined && !stop.requested) return SUCCEEDED;
      return await this.settle(attempt, work ?? Promise.resolve());
    } finally {
      clearTimeout(timer);
      resolved.release?.();
    }
  }

  private async settle(attempt: KnownAttempt, work: Promise<unknown>): Promise<StepOutcome> {
    const { stop, gracePeriod = GRACE_PERIOD_MS } = attempt;
    const ended = work.then(
      () => SUCCEEDED,
      (error: unknown): StepOutcome => ({ kind: 'failed', error }),
    );
    const first = await new Promise<StepOutcome | undefined>((resolve) => {
      void ended.then(resolve);
      stop.onRequest(() => resolve(undefined));
    });
    if (first && !stop.requested) return first;

    const last = first ?? (await within(gracePeriod, ended));
    const { reason } = stop;
    if (!last) {
      this.logger.error(
        `Step ${attempt.stepName} of job ${attempt.gid} is still running ${gracePeriod} ms after its signal was ` +
          `aborted (${errorText(reason)}). Let it watch context.signal.`,
      );
    }
    // A step's time is over even if it comes to an end after all: what it did late may overlap the next try.
    if (reason instanceof StepTimeoutError) return { kind: 'failed', error: reason };
    if (reason instanceof StepInterruptedError && last?.kind === 'succeeded') return last;
    return { kind: 'interrupted', settled: last !== undefined };
  }
}

/** Undefined when the step ended within the call, so that nothing has to be awaited. */
function begin(call: () => unknown): Promise<unknown> | undefined {
  try {
    const answer = call();
    return isThenable(answer) ? Promise.resolve(answer) : undefined;
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
