import type { EntityManagerLike } from '../transactions/typeorm.types.js';
import { StepNotTransactionalError } from '../../errors/index.js';
import type { StepStop } from './step-stop.js';

/**
 * What a step is told about the attempt that it makes.
 *
 * `TManager` is the type of `manager`: `StepContext<EntityManager>` gives it TypeORM's own type.
 *
 * @publicApi
 */
export interface StepContext<TManager = EntityManagerLike> {
  /** The id of the job. */
  readonly gid: string;
  /** The place of the step in its job, from 0. */
  readonly stepIndex: number;
  /** The name the step was stored under; after a rename it may be one of its aliases. */
  readonly stepName: string;
  /** The number of this attempt, from 1. One that ended with a crash of its process counts. */
  readonly attempt: number;
  /**
   * `gid:stepIndex`: the same in every attempt of this step, and no other step's. Hand it to services that
   * remember keys, so that they do the work once however often the step runs.
   */
  readonly idempotencyKey: string;
  /**
   * Aborts when the attempt should end: its time is over (`StepTimeoutError`), another process may run the
   * job (`LeaseLostError`), or the application shuts down (`StepInterruptedError`).
   */
  readonly signal: AbortSignal;
  /**
   * The transaction of a transactional step.
   *
   * @throws StepNotTransactionalError when it is read in another step.
   */
  readonly manager: TManager;
}

/** What a context is made of. */
export interface StepContextValues extends Pick<StepContext, 'gid' | 'stepIndex' | 'stepName' | 'attempt'> {
  readonly stop: StepStop;
}

/** Makes the context of one attempt; `manager` only for a transactional step. */
export function createStepContext(values: StepContextValues, manager?: EntityManagerLike): StepContext {
  const { gid, stepIndex, stepName, attempt, stop } = values;
  return Object.freeze(new AttemptContext(gid, stepIndex, stepName, attempt, stop.signal, manager));
}

class AttemptContext implements StepContext {
  readonly idempotencyKey: string;
  // Private, and read by a getter of the prototype: copying or logging a context must not throw.
  readonly #manager: EntityManagerLike | undefined;

  constructor(
    readonly gid: string,
    readonly stepIndex: number,
    readonly stepName: string,
    readonly attempt: number,
    readonly signal: AbortSignal,
    manager: EntityManagerLike | undefined,
  ) {
    this.idempotencyKey = `${gid}:${stepIndex}`;
    this.#manager = manager;
  }

  get manager(): EntityManagerLike {
    if (this.#manager === undefined) throw new StepNotTransactionalError(this.stepName);
    return this.#manager;
  }
}
