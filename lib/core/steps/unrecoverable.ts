import { isInstance, propertyOf } from '../../errors/error-text.js';
import { UnrecoverableStepError } from '../../errors/index.js';

/** No attempt of the step would do better. */
const UNRECOVERABLE = new Set<unknown>([
  'STEPPING_UNRECOVERABLE_STEP',
  'STEPPING_TRANSACTION_REQUIRED',
  'STEPPING_TRANSACTION_NOT_PASSED',
]);

/** Whether no attempt follows. By code as well as by class: the step may have its error from another copy of the library. */
export function isUnrecoverable(error: unknown): boolean {
  if (UNRECOVERABLE.has(propertyOf(error, 'code'))) return true;
  return isInstance(error, UnrecoverableStepError);
}
