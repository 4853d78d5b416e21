import type { StepAttempt } from '../core/steps/step-attempt.js';
import type { Barrier } from '../store/barrier.js';
import type { StepTransaction } from './step-transaction.js';

/**
 * Marks a transactional step done, as the last statement of its own transaction. Written earlier, the mark would keep a
 * row locked while the step runs.
 */
export interface DoneMark {
  /** Whether an earlier attempt committed the mark without anybody storing that the step is done. */
  isSet(): Promise<boolean>;
  /** Whether this process still has the job. Asked after a long wait for a connection. */
  mayBegin?(): Promise<boolean>;
  /** Returns false when the step must not commit: another process may run the job, or has set the mark. */
  set(transaction: StepTransaction): Promise<boolean>;
  /** Whether the mark was committed. Asked after a COMMIT whose outcome is unknown. */
  isCommitted(): Promise<boolean>;
  /** Whether the mark itself tells the transaction manager that the step is done. */
  readonly stores: boolean;
}

/** The branch id of a step. DTM counts branches from `01`. */
export function branchIdOf(stepIndex: number): string {
  return String(stepIndex + 1).padStart(2, '0');
}

/**
 * A barrier row of the step, whose unique key lets one attempt win.
 *
 * @param confirm called after the row is written; tells whether this process may still run the job.
 */
export function barrierMark(
  barrier: Barrier,
  attempt: StepAttempt,
  confirm: () => Promise<boolean>,
): DoneMark {
  const branchId = branchIdOf(attempt.stepIndex);
  const { gid: job, barrierGid: gid = job } = attempt;
  const isSet = () => barrier.isDone(gid, branchId);
  return {
    stores: false,
    isSet,
    isCommitted: isSet,
    set: async (transaction) => {
      const row = { gid, job, branchId, op: 'action' };
      return (await barrier.insert(transaction.runner, row)) && (await confirm());
    },
  };
}
