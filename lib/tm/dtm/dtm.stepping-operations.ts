import { SteppingOperations } from '../../core/operations/stepping-operations.js';
import { DtmUnsupportedError } from './dtm.errors.js';

/** `SteppingOperations` where DTM keeps the jobs and calls their steps: its API tells of single jobs, not of processes and numbers. */
export class DtmSteppingOperations extends SteppingOperations {
  override overview(): Promise<never> {
    return unsupported('An overview of the jobs');
  }

  override steps(): Promise<never> {
    return unsupported('Numbers of steps');
  }

  override timeline(): Promise<never> {
    return unsupported('A timeline');
  }

  /** A job never is failed there. */
  override failures(): Promise<never> {
    return unsupported('A list of failures');
  }

  override processes(): Promise<never> {
    return unsupported('A list of processes');
  }

  override health(): Promise<never> {
    return unsupported('The health of the fleet');
  }

  override prometheus(): Promise<never> {
    return unsupported("Prometheus' text");
  }

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

const LOOK_AT_DTM =
  'DTM has metrics of its own; DistributedJobs.recovery() tells whether this process reaches it.';

async function unsupported(what: string, advice = LOOK_AT_DTM): Promise<never> {
  throw new DtmUnsupportedError(what, advice);
}
