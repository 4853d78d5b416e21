import { isolated } from '../detached.js';
import { LineLogger } from '../line-logger.js';
import type { EntityManagerLike } from '../transactions/typeorm.types.js';
import { errorText } from '../../errors/error-text.js';
import { StepInterruptedError, StepTimeoutError } from '../../errors/index.js';
import { within } from '../within.js';
import { workingTime } from '../working-time.js';
import type { StepArgumentsSerializer } from './step-arguments.serializer.js';
import { createStepContext } from './step-context.js';
import type { KnownAttempt, StepOutcome } from './step-attempt.js';
import type { ResolvedStep } from './step-definition.js';
import { readOverrides } from './step-overrides.js';
import { isUnrecoverable } from './unrecoverable.js';

/** Runs the body of a step; a transactional step's is wrapped in its transaction. */
export type StepBody = (call: (manager?: EntityManagerLike) => Promise<void>) => Promise<void>;

const SUCCEEDED: StepOutcome = { kind: 'succeeded' };

const NOT_READY = new Error('The attempt is to end before its step has begun.');

/** How many milliseconds a step may take to settle after its signal, unless the transaction manager says otherwise. */
const GRACE_PERIOD_MS = 10_000;

/** Runs one attempt of a step: arguments, instance, time-out. It knows nothing of jobs and stores. */
export class AttemptRunner {
  private readonly logger = new LineLogger('StepExecutor');

  constructor(private readonly serializer: StepArgumentsSerializer) {}

  /** Without a `body` the step is called directly. */
  async run(attempt: KnownAttempt, body?: StepBody): Promise<StepOutcome> {
    const { definition, stop, stepName } = attempt;
    const timeout = timeoutOf(attempt);
    const endTimeout =
      timeout !== undefined &&
      workingTime(timeout, () => stop.request(new StepTimeoutError(stepName, timeout)));
    let resolved: ResolvedStep | undefined;
    let begun = false;
    try {
      const restored: unknown = this.serializer.restore(stepName, definition, attempt.readArgs());
      const args = restored instanceof Promise ? await this.ready(attempt, restored) : restored;
      const provided = definition.resolve();
      resolved =
        provided instanceof Promise
          ? await this.ready(attempt, provided, (late) => this.release(attempt, late))
          : provided;
      const begins = attempt.mayBegin?.() ?? true;
      // While its transaction was opened, for one, the lease may have been lost, and others may have gone on with the job.
      if (!(typeof begins === 'boolean' ? begins : await begins) || stop.requested) throw NOT_READY;
      const { handler } = resolved;
      const call = (manager?: EntityManagerLike): unknown => {
        begun = true;
        return isolated(() => handler.execute(args, createStepContext(attempt, manager)));
      };
      const work = body ? body(async (manager) => void (await call(manager))) : begin(call);
      if (work === undefined && !stop.requested) return SUCCEEDED;
      return await this.settle(attempt, work ?? Promise.resolve());
    } catch (error) {
      if (error !== NOT_READY) return begun ? { kind: 'failed', error } : notBegun(error);
      const { reason } = stop;
      return reason instanceof StepTimeoutError ? notBegun(reason) : { kind: 'interrupted', settled: true };
    } finally {
      if (endTimeout) endTimeout();
      if (resolved) this.release(attempt, resolved);
    }
  }

  /**
   * What an attempt needs before its step can begin. Rejects with `NOT_READY` when the attempt is to end, which is after
   * the grace period at the latest; `late` gets what comes after all.
   */
  private ready<T>(attempt: KnownAttempt, work: Promise<T>, late?: (value: T) => void): Promise<T> {
    const { stop, stepName, gracePeriod = GRACE_PERIOD_MS } = attempt;
    return new Promise((resolve, reject) => {
      const expire = (): void => stop.request(new StepTimeoutError(stepName, gracePeriod, false));
      const endTimeout = workingTime(gracePeriod, expire);
      let over = false;
      stop.onRequest(() => {
        over = true;
        endTimeout();
        reject(NOT_READY);
      });
      work.then(
        (value) => {
          endTimeout();
          if (over) late?.(value);
          else resolve(value);
        },
        (error: Error) => {
          endTimeout();
          reject(error);
        },
      );
    });
  }

  /** What the attempt did stays, even if its instance cannot be given back. */
  private release({ stepName }: KnownAttempt, step: ResolvedStep): void {
    try {
      step.release?.();
    } catch (error) {
      this.logger.error(`Releasing the instance of step ${stepName} failed: ${errorText(error)}`);
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
    return last ? { kind: 'interrupted', settled: true } : { kind: 'interrupted', settled: false, ended };
  }
}

/** A job fails only by what its own steps do, and this one has done nothing; unless whoever threw wants it to fail. */
function notBegun(error: unknown): StepOutcome {
  return { kind: isUnrecoverable(error) ? 'failed' : 'unfit', error };
}

/** Milliseconds; undefined without a limit. */
export function timeoutOf({
  overrides,
  definition,
}: Pick<KnownAttempt, 'overrides' | 'definition'>): number | undefined {
  return readOverrides(overrides).timeout ?? definition.timeout;
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
