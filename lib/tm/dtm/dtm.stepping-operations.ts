import { SteppingOperations } from '../../core/operations/stepping-operations.js';
import { DtmUnsupportedError } from './dtm.errors.js';

/** `SteppingOperations` where DTM keeps the jobs and calls their steps. */
export class DtmSteppingOperations extends SteppingOperations {
  override pause(): Promise<never> {
    return unsupported(
      'Pausing a step',
      'Let the step throw StepNotFinishedError, or stop the processes that provide it.',
    );
  }

  override resume(): Promise<never> {
    return unsupported('Resuming a step', 'No step can be paused there.');
  }
}

async function unsupported(what: string, advice: string): Promise<never> {
  throw new DtmUnsupportedError(what, advice);
}
