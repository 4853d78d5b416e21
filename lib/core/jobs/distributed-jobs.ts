import type { JobFilter, JobInfo, JobPage } from './job-info.js';

/**
 * When the recovery of this process last ran.
 *
 * @publicApi
 */
export interface RecoveryState {
  /** The end of the last run that reached the store, by this host's clock; `null` before the first. */
  readonly lastRunAt: Date | null;
  /** Why runs fail at present; `null` while they succeed. */
  readonly error: unknown;
}

/**
 * Reads jobs and repairs them. Inject it where jobs are watched; the transaction manager provides it.
 *
 * @publicApi
 */
export abstract class DistributedJobs {
  /** The job of this gid, or `null`. */
  abstract find(gid: string): Promise<JobInfo | null>;

  /**
   * Lists jobs page by page.
   *
   * @throws InvalidOptionError for a filter that cannot be.
   */
  abstract list(filter?: JobFilter): Promise<JobPage>;

  /**
   * Lets a failed job go on at the step that failed, at once and with its attempts counted anew.
   *
   * @throws JobNotFoundError, or JobStateError when the job is not failed.
   */
  abstract retry(gid: string): Promise<void>;

  /**
   * Stops a job before its next step. A step that runs at this moment is not interrupted. A failed job is
   * closed, so that it is purged like others.
   *
   * @throws JobNotFoundError, or JobStateError when the job has ended, or is prepared: its transaction decides.
   */
  abstract cancel(gid: string): Promise<void>;

  /** Tells whether the recovery of this process is alive, for health checks. */
  abstract recovery(): RecoveryState;
}
