import { Logger } from '@nestjs/common';
import type { EntityManagerLike } from '../../db/typeorm.types.js';
import { InvalidStepArgumentsError, StepInterruptedError, StepTimeoutError } from '../../errors/index.js';
import type { StepArgumentsSerializer } from './step-arguments.serializer.js';
import { createStepContext } from './step-context.js';
import type { ResolvedStep, StepDefinition } from './step-definition.js';
import type { StepStop } from './step-stop.js';

/** One attempt of one step. */
export interface StepAttempt {
  readonly gid: string;
  readonly definition: StepDefinition;
  /** The name stored with the job, which may be an alias. */
  readonly stepName: string;
  readonly stepIndex: number;
  readonly attempt: number;
  /** The stored arguments, parsed but not restored: a copy of its own for each caller. */
  readonly readArgs: () => unknown;
  /** Ends the attempt early; its reason says why. */
  readonly stop: StepStop;
}

export type StepOutcome =
  | { readonly kind: 'succeeded' }
  /** The attempt counts as failed. */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** This process cannot run it: the stored arguments do not fit the step that it knows. */
  | { readonly kind: 'unfit'; readonly error: unknown }
  /** Stopped by a lost lease or a shutdown: nothing is known, nothing counts. */
  | { readonly kind: 'interrupted'; readonly settled: boolean };

/** Runs the body of a step; a transactional step's is wrapped in its transaction. */
export type StepBody = (call: (manager?: EntityManagerLike) => Promise<void>) => Promise<void>;

const callDirectly: StepBody = (call) => call();

/** Runs one attempt of a step: arguments, instance, time-out. It knows nothing of jobs and stores. */
export class StepExecutor {
  private readonly logger = new Logger(StepExecutor.name);

  constructor(
    private readonly serializer: StepArgumentsSerializer,
    /** How long a step may take to settle after its signal, in milliseconds. */
    private readonly gracePeriod: number,
  ) {}

  async execute(attempt: StepAttempt, body: StepBody = callDirectly): Promise<StepOutcome> {
    const { definition, stop } = attempt;
    let args: unknown;
    try {
      args = await this.serializer.restore(attempt.stepName, definition, attempt.readArgs());
    } catch (error) {
      return error instanceof InvalidStepArgumentsError
        ? { kind: 'unfit', error }
        : { kind: 'failed', error };
    }

    let resolved: ResolvedStep;
    try {
      resolved = await definition.resolve();
    } catch (error) {
      return { kind: 'failed', error };
    }

    const timer =
      definition.timeout === undefined
        ? undefined
        : setTimeout(
            () => stop.request(new StepTimeoutError(attempt.stepName, definition.timeout!)),
            definition.timeout,
          );
    try {
      const work = body(async (manager) => {
        await resolved.handler.execute(args, createStepContext(attempt, manager));
      });
      return await this.settle(attempt, work);
    } finally {
      clearTimeout(timer);
      resolved.release?.();
    }
  }

  private async settle(attempt: StepAttempt, work: Promise<void>): Promise<StepOutcome> {
    const { stop } = attempt;
    const ended = work.then(succeeded, failed);
    const first = await new Promise<StepOutcome | undefined>((resolve) => {
      void ended.then(resolve);
      stop.onRequest(() => resolve(undefined));
    });
    if (first && !stop.requested) return first;

    const last = first ?? (await this.withinGrace(ended));
    const { reason } = stop;
    if (!last) {
      this.logger.error(
        `Step ${attempt.stepName} of job ${attempt.gid} goes on ${this.gracePeriod} ms after its signal was ` +
          `aborted (${String(reason)}). Let it watch context.signal.`,
      );
    }
    // A step's time is over even if it comes to an end after all: what it did late may overlap the next try.
    if (reason instanceof StepTimeoutError) return { kind: 'failed', error: reason };
    if (reason instanceof StepInterruptedError && last?.kind === 'succeeded') return last;
    return { kind: 'interrupted', settled: last !== undefined };
  }

  private async withinGrace(ended: Promise<StepOutcome>): Promise<StepOutcome | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), this.gracePeriod);
    });
    try {
      return await Promise.race([ended, over]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function succeeded(): StepOutcome {
  return { kind: 'succeeded' };
}

function failed(error: unknown): StepOutcome {
  return { kind: 'failed', error };
}
