import { SteppingOperations, type FleetOperation } from '../../core/operations/stepping-operations.js';
import { DtmUnsupportedError } from './dtm.errors.js';

/** `SteppingOperations` where DTM keeps the jobs and calls their steps: its API tells of single jobs, not of processes and numbers. */
export class DtmSteppingOperations extends SteppingOperations {
  override overview(): Promise<never> {
    return this.refuse('overview');
  }

  override steps(): Promise<never> {
    return this.refuse('steps');
  }

  override timeline(): Promise<never> {
    return this.refuse('timeline');
  }

  /** A job never is failed there. */
  override failures(): Promise<never> {
    return this.refuse('failures');
  }

  override processes(): Promise<never> {
    return this.refuse('processes');
  }

  override health(): Promise<never> {
    return this.refuse('health');
  }

  override prometheus(): Promise<never> {
    return this.refuse('prometheus');
  }

  override pause(): Promise<never> {
    return this.refuse('pause');
  }

  override resume(): Promise<never> {
    return this.refuse('resume');
  }

  /** @internal */
  override refusalOf(operation: FleetOperation): DtmUnsupportedError {
    return new DtmUnsupportedError(...UNSUPPORTED[operation]);
  }

  private async refuse(operation: FleetOperation): Promise<never> {
    throw this.refusalOf(operation);
  }
}

const LOOK_AT_DTM =
  'DTM has metrics of its own; DistributedJobs.recovery() tells whether this process reaches it.';

/** What is not possible, and what to do instead. */
const UNSUPPORTED: Readonly<Record<FleetOperation, readonly [what: string, advice: string]>> = {
  overview: ['An overview of the jobs', LOOK_AT_DTM],
  steps: ['Numbers of steps', LOOK_AT_DTM],
  timeline: ['A timeline', LOOK_AT_DTM],
  failures: ['A list of failures', LOOK_AT_DTM],
  processes: ['A list of processes', LOOK_AT_DTM],
  health: ['The health of the fleet', LOOK_AT_DTM],
  prometheus: ["Prometheus' text", LOOK_AT_DTM],
  pause: [
    'Pausing a step',
    'Let the step throw StepNotFinishedError, or stop the processes that provide it.',
  ],
  resume: ['Resuming a step', 'No step can be paused there.'],
};
