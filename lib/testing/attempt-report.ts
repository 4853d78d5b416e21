import type { KnownAttempt } from '../core/steps/step-attempt.js';
import type { TransactionalOutcome } from '../transactions/transactional-step.runner.js';

/**
 * One attempt of a step that `drain()` or `advance()` has run.
 *
 * @publicApi
 */
export interface AttemptReport {
  /** The job. */
  readonly gid: string;
  /** The name of the step. */
  readonly step: string;
  /** The arguments as they were stored. */
  readonly args: unknown;
  /** From 1; a crash counts as one. */
  readonly attempt: number;
  /**
   * `unfit`: the stored arguments do not fit the step. `interrupted`: the job was taken away, as by `cancel()`.
   * `crashed`: the process died during the attempt.
   */
  readonly outcome: 'succeeded' | 'failed' | 'unfit' | 'interrupted' | 'crashed';
  /** What the attempt failed with. */
  readonly error?: unknown;
}

/** Notes an attempt that begins; what it returns is to be called with the outcome. */
export function noteAttempt(
  reports: AttemptReport[],
  { gid, stepName: step, readArgs, attempt }: KnownAttempt,
): (outcome: TransactionalOutcome) => void {
  const args = readArgs();
  const at = reports.push({ gid, step, args, attempt, outcome: 'crashed' }) - 1;
  return (outcome) => {
    const error = 'error' in outcome ? { error: outcome.error } : {};
    reports[at] = { gid, step, args, attempt, outcome: outcome.kind, ...error };
  };
}
