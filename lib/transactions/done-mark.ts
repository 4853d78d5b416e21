import type { StepAttempt } from '../core/steps/step-attempt.js';
import type { Barrier } from '../store/barrier.js';
import type { StepTransaction } from './step-transaction.js';

/**
 * How a transactional step is marked done, as the last statement of its own transaction: a row that is locked
 * while the step runs would hold up others.
 */
export interface DoneMark {
  /** Whether an earlier attempt has committed the mark, though nobody has stored that the step is done. */
  isSet(): Promise<boolean>;
  /** False when the step may not be committed: somebody else may run the job, or has set the mark. */
  set(transaction: StepTransaction): Promise<boolean>;
  /** Whether the mark was committed, asked after a COMMIT whose answer is unknown. */
  isCommitted(): Promise<boolean>;
  /** Whether the mark itself says to the transaction manager that the step is done. */
  readonly stores: boolean;
}

/** The branch of a step, as DTM counts them: `01` is the first. */
export function branchIdOf(stepIndex: number): string {
  return String(stepIndex + 1).padStart(2, '0');
}

/**
 * A barrier row of the step, whose unique key lets one attempt win.
 *
 * @param confirm asked after the row is written: whether this process may still run the job.
 */
export function barrierMark(
  barrier: Barrier,
  attempt: StepAttempt,
  confirm: () => Promise<boolean>,
): DoneMark {
  const branchId = branchIdOf(attempt.stepIndex);
  const isSet = () => barrier.exists(attempt.gid, branchId, 'action');
  return {
    stores: false,
    isSet,
    isCommitted: isSet,
    set: async (transaction) => {
      const row = { gid: attempt.gid, branchId, op: 'action', reason: 'action' };
      return (await barrier.insert(transaction.runner, row)) && (await confirm());
    },
  };
}
