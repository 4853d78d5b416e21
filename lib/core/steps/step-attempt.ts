import type { StepDefinition } from './step-definition.js';
import type { StepStop } from './step-context.js';
import type { StoredOverrides } from './step-overrides.js';

/**
 * One attempt of one step, for `StepExecutor.execute()`.
 *
 * @publicApi
 */
export interface StepAttempt {
  /** The id of the job. */
  readonly gid: string;
  /** The name stored with the job, which may be an alias. */
  readonly stepName: string;
  /** The place of the step in its job, from 0. */
  readonly stepIndex: number;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /**
   * Parses the stored arguments, encoded or not. Each call must return a copy of its own, since the step may change it.
   */
  readonly readArgs: () => unknown;
  /** What the job wants of this step otherwise, as `StoredStep.overrides` told it. What cannot be read makes the attempt unfit. */
  readonly overrides?: StoredOverrides | undefined;
  /** What the step is told as `context.lastAttempt`: see `StepExecutor.isLastAttempt()`. Default: `undefined`, not known. */
  readonly lastAttempt?: boolean | undefined;
  /** Ends the attempt early. */
  readonly stop: StepStop;
  /** The gid of the job's barrier rows, as `PreparedJob.barrierGid` told it. Default: `gid`. */
  readonly barrierGid?: string | undefined;
  /** The tenant of a job whose gid is the caller's own. Its idempotency keys name it. */
  readonly tenant?: string | undefined;
  /** The store of a job whose gid is the caller's own, where there are several. Its idempotency keys name it. */
  readonly store?: string | undefined;
  /** How often somebody has given the step new arguments. Its idempotency key tells. Default: never. */
  readonly edits?: number | undefined;
  /** Where the start of the job was traced, as `JobMessage.trace` told it. */
  readonly trace?: string | undefined;
  /** How many milliseconds the step may take to settle once it was stopped. Default: 10,000. */
  readonly gracePeriod?: number;
}

/** An attempt of a step that this process provides. */
export interface KnownAttempt extends StepAttempt {
  readonly definition: StepDefinition;
  /** Whether the step may still begin once all is ready that it needs. */
  readonly mayBegin?: () => boolean | Promise<boolean>;
}

/**
 * What came of an attempt.
 *
 * - `succeeded`: the next step may run.
 * - `failed`: the attempt counts. `StepExecutor.retryDelay()` tells when the next one is due.
 * - `unfit`: the step has not begun, and the attempt does not count. This process does not provide it, the stored
 *   arguments do not fit, what was overridden cannot be read, its dependencies could not be made, or there was no transaction
 *   for it. Another process may run it.
 * - `interrupted`: the attempt was stopped and does not count. Unless `settled`, the step is still at work, until `ended`
 *   resolves.
 *
 * @publicApi
 */
export type StepOutcome =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'unfit'; readonly error: unknown }
  | { readonly kind: 'interrupted'; readonly settled: boolean; readonly ended?: Promise<unknown> };
