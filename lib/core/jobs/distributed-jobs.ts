import { OperationUnsupportedError, type SteppingError } from '../../errors/index.js';
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
  /**
   * The job of this gid, or `null`.
   *
   * @throws AmbiguousJobError, here and wherever a gid is given, when several stores have a job of this gid.
   * @throws TransactionManagerUnavailableError when a store that may have it cannot be asked.
   */
  abstract find(gid: string): Promise<JobInfo | null>;

  /**
   * Lists jobs page by page. A page ends with a quarter of `maxBytes` (option of `selfTm()`) of stored steps, if not before;
   * its `cursor` tells whether there are more.
   *
   * However large the table, a page looks at a bounded number of jobs: the next 10,000, or 2,500 on SQLite. With `status: 'failed'` these are the
   * next ones that have failed. Those that have not ended (`prepared`, `submitted`) are all looked at while there are fewer than that. A page of
   * another filter that few jobs pass may be short or empty, and its `cursor` goes on behind the jobs that it has looked at.
   *
   * Where jobs are stored in several databases, a page is without those of a store that cannot be asked, which it names in `missing`.
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
   * Without a filter, or with `status: 'failed'` alone, all are counted; with any other filter, it looks at the jobs that the first page of `list()`
   * may look at. `more` says that it has stopped: at the limit, or behind those jobs. The servers end it after 2 seconds.
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
   * What was done by hand, the newest first. A page ends with a quarter of `maxBytes` (option of `selfTm()`) of stored details, if not before; its `cursor`
   * tells whether there are more.
   *
   * @throws InvalidOptionError for a filter that cannot be.
   */
  audit(_filter?: AuditFilter): Promise<AuditPage> {
    return unsupported('audit');
  }

  /** @internal Jobs of which status `retry()` is for: those of a manager that repeats steps until they succeed never fail. */
  get retries(): 'failed' | 'submitted' {
    return 'failed';
  }

  /**
   * @internal Why something is not possible, as the error that says so; undefined where it is. It asks nobody, and changes nothing.
   */
  refusalOf(feature: JobsFeature): SteppingError | undefined {
    if (isOptional(feature) && this[feature] === DistributedJobs.prototype[feature]) {
      return errorOf(feature);
    }
    return undefined;
  }
}

/** What a transaction manager need not have. */
const OPTIONAL = ['count', 'explain', 'skip', 'retryAll', 'cancelAll', 'audit'] as const;
type OptionalOperation = (typeof OPTIONAL)[number];

/** @internal Those operations, and parts of others: `list()` by step or by texts, `retry()` with arguments. */
export type JobsFeature = OptionalOperation | 'byStep' | 'search' | 'edit';

function isOptional(feature: JobsFeature): feature is OptionalOperation {
  return OPTIONAL.includes(feature as OptionalOperation);
}

function unsupported(operation: OptionalOperation): Promise<never> {
  return Promise.reject(errorOf(operation));
}

function errorOf(operation: OptionalOperation): SteppingError {
  return new OperationUnsupportedError(`DistributedJobs.${operation}()`);
}
