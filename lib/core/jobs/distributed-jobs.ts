import { OperationUnsupportedError } from '../../errors/index.js';
import type { BoundedCount } from '../operations/fleet-numbers.js';
import type { ActionNote } from '../operations/action-note.js';
import type { JobFilter, JobInfo, JobPage, RecoveryState } from './job-info.js';
import type {
  AuditFilter,
  AuditPage,
  BulkOptions,
  BulkResult,
  BulkRetryOptions,
  JobExplanation,
  RetryJobOptions,
  SkipStepOptions,
} from './job-operations.js';

/**
 * Reads jobs and repairs them. Inject it where jobs are watched; the transaction manager provides it.
 *
 * @publicApi
 */
export abstract class DistributedJobs {
  /** The job of this gid, or `null`. */
  abstract find(gid: string): Promise<JobInfo | null>;

  /**
   * Lists jobs page by page. A page ends with a quarter of `maxBytes` (option of `selfTm()`) of stored steps, if not before;
   * its `cursor` tells whether there are more.
   *
   * @throws InvalidOptionError for a filter that cannot be.
   */
  abstract list(filter?: JobFilter): Promise<JobPage>;

  /**
   * Lets a failed job go on at the step that failed, at once and with its attempts counted anew; with `args`, that step with
   * other arguments.
   *
   * @throws JobNotFoundError, or JobStateError when the job is not failed. With `args` also StepNotProvidedError when this process does
   * not provide the step, InvalidStepArgumentsError, StepArgumentsTooLargeError, and PayloadCodecError or PayloadKeyUnknownError
   * when the arguments cannot be encoded.
   */
  abstract retry(gid: string, options?: RetryJobOptions): Promise<void>;

  /**
   * Stops a job before its next step. A step that runs at this moment is not interrupted. A failed job is
   * closed, so that it is purged like others.
   *
   * @throws JobNotFoundError, or JobStateError when the job has ended, or is prepared: its transaction decides.
   */
  abstract cancel(gid: string, note?: ActionNote): Promise<void>;

  /** Tells whether the recovery of this process is alive, for health checks. */
  abstract recovery(): RecoveryState;

  /**
   * How many jobs the filter finds, counted up to `limit` (default 10,000, at most 100,000). `includeArgs` and `cursor` mean nothing here.
   * With `error` or `args`, it looks where the first page of `list()` does. The servers end it after 2 seconds.
   *
   * @throws InvalidOptionError for a filter that cannot be.
   */
  count(_filter?: JobFilter): Promise<BoundedCount> {
    return unsupported('count');
  }

  /**
   * Why a job does not run, or what runs it.
   *
   * @throws JobNotFoundError.
   */
  explain(_gid: string): Promise<JobExplanation> {
    return unsupported('explain');
  }

  /**
   * Lets a job that has failed, or that waits for its next attempt, go on with the step after the one that it stands at. A job at its last
   * step succeeds. A transactional step that is done already counts as done, not as skipped; where it is in another database than the jobs,
   * only a process that provides it, or has that database, can tell.
   *
   * @throws JobNotFoundError, or JobStateError when the job stands elsewhere, has ended, or its step runs at this moment.
   * @throws UnresolvedTransactionError while the transaction of an attempt is open.
   */
  skip(_gid: string, _options: SkipStepOptions): Promise<void> {
    return unsupported('skip');
  }

  /**
   * Retries the failed jobs that the filter finds, in chunks of their own transactions: of more than `limit` the first ones of
   * `list()`. Jobs that fail again meanwhile are left alone. `limit`, `cursor` and `includeArgs` are no part of this filter.
   *
   * @throws InvalidOptionError for a filter or options that cannot be.
   */
  retryAll(_filter: JobFilter, _options: BulkRetryOptions): Promise<BulkResult> {
    return unsupported('retryAll');
  }

  /**
   * Cancels the submitted and failed jobs that the filter finds, in chunks of their own transactions: of more than `limit` the first
   * ones of `list()`. `limit`, `cursor` and `includeArgs` are no part of this filter.
   *
   * @throws InvalidOptionError for a filter or options that cannot be.
   */
  cancelAll(_filter: JobFilter, _options: BulkOptions): Promise<BulkResult> {
    return unsupported('cancelAll');
  }

  /**
   * What was done by hand, the newest first.
   *
   * @throws InvalidOptionError for a filter that cannot be.
   */
  audit(_filter?: AuditFilter): Promise<AuditPage> {
    return unsupported('audit');
  }
}

function unsupported(operation: keyof DistributedJobs): Promise<never> {
  return Promise.reject(new OperationUnsupportedError(`DistributedJobs.${operation}()`));
}
