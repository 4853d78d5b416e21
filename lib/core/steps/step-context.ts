import type { EntityManagerLike } from '../transactions/typeorm.types.js';
import { StepNotTransactionalError } from '../../errors/index.js';

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
   * Whether the job fails when this attempt does: `maxAttempts` of the step is reached. `undefined` where that is not known: where a
   * function decides (`retry`), and on DTM. `UnrecoverableStepError` fails the job in any attempt.
   */
  readonly lastAttempt: boolean | undefined;
  /**
   * `gid:stepIndex`: the same in every attempt of this step, and no other step's. Hand it to services that
   * remember keys, so that they do the work once however often the step runs. With a gid of the caller's own in a tenant's
   * transaction it is `tenant/gid:stepIndex`, since other tenants may have the same gid elsewhere; for the same reason `store/` stands before it where jobs are stored
   * in several databases. When somebody has given the step
   * new arguments (`DistributedJobs.retry(gid, { args })`), it ends with `:edit-1`, `:edit-2` and so on: services refuse a key that they
   * know with other data.
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
  readonly lastAttempt?: boolean | undefined;
  readonly tenant?: string | undefined;
  readonly store?: string | undefined;
  readonly edits?: number | undefined;
  readonly stop: StepStop;
}

/** Makes the context of one attempt; `manager` only for a transactional step. */
export function createStepContext(values: StepContextValues, manager?: EntityManagerLike): StepContext {
  const { gid, stepIndex, stepName, attempt, lastAttempt, stop, tenant, store, edits } = values;
  return Object.freeze(
    new AttemptContext(
      gid,
      stepIndex,
      stepName,
      attempt,
      lastAttempt,
      stop.signal,
      manager,
      store,
      tenant,
      edits,
    ),
  );
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
    readonly lastAttempt: boolean | undefined,
    readonly signal: AbortSignal,
    manager: EntityManagerLike | undefined,
    store: string | undefined,
    tenant: string | undefined,
    edits: number | undefined,
  ) {
    const key = edits === undefined ? `${gid}:${stepIndex}` : `${gid}:${stepIndex}:edit-${edits}`;
    this.idempotencyKey = within(store, within(tenant, key));
    this.#manager = manager;
  }

  get manager(): EntityManagerLike {
    if (this.#manager === undefined) throw new StepNotTransactionalError(this.stepName);
    return this.#manager;
  }
}

/** Written for HTTP headers. No gid has a slash in it. */
function within(place: string | undefined, key: string): string {
  return place === undefined ? key : `${encodeURIComponent(place)}/${key}`;
}

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

/**
 * Ends one attempt of a step early, and says why. The step sees it as `context.signal`.
 *
 * @publicApi
 */
export class StepStop {
  private readonly controller = new AbortController();
  // A listener of an AbortSignal costs about as much as everything else in an attempt.
  private readonly listeners: (() => void)[] = [];
  // Asked several times in each attempt, and the getters of a signal are not cheap.
  private asked = false;

  /** What the step is given. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Whether the attempt is to end. */
  get requested(): boolean {
    return this.asked;
  }

  /** Why it is to end. */
  get reason(): unknown {
    return this.signal.reason;
  }

  /**
   * Asks the step to end. The first reason stays: `StepInterruptedError` lets a step that comes to its end succeed all the
   * same, `StepTimeoutError` makes the attempt fail, and with any other one nothing of it counts.
   */
  request(reason: unknown): void {
    if (this.asked) return;
    this.asked = true;
    this.controller.abort(reason);
    for (const listener of this.listeners) listener();
  }

  /** Calls back once: now, if it was requested already. */
  onRequest(listener: () => void): void {
    if (this.asked) listener();
    else this.listeners.push(listener);
  }
}
