import { SteppingOperations } from '../../core/operations/stepping-operations.js';
import { DtmUnsupportedError } from './dtm.errors.js';

/** DTM's API tells of single jobs, not of processes and numbers. */
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
}

function unsupported(what: string): Promise<never> {
  const advice =
    'DTM has metrics of its own; DistributedJobs.recovery() tells whether this process reaches it.';
  return Promise.reject(new DtmUnsupportedError(what, advice));
}
