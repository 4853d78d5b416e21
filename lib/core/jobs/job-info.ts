import type { MissingStore } from './missing-store.js';

/**
 * Where a job stands.
 *
 * `prepared` → `submitted` → `succeeded`; `prepared` → `rolledBack`; `submitted` → `failed` or
 * `canceled`; `failed` → `submitted` when it is retried by hand.
 *
 * @publicApi
 */
export type JobStatus = 'prepared' | 'submitted' | 'succeeded' | 'failed' | 'rolledBack' | 'canceled';

/** Every status, in the order in which a job may pass through them. */
export const JOB_STATUSES: readonly JobStatus[] = [
  'prepared',
  'submitted',
  'succeeded',
  'failed',
  'rolledBack',
  'canceled',
];

/**
 * Where one step of a job stands. `running`: a process holds the lease of the job at this step, and runs
 * it or is about to. `waiting`: due later, or not yet taken by a process. `pending`: its turn has not come.
 * `skipped`: somebody let the job go on without it.
 *
 * @publicApi
 */
export type StepStatus = 'pending' | 'waiting' | 'running' | 'succeeded' | 'failed' | 'canceled' | 'skipped';

/**
 * What is known of one step of a job.
 *
 * @publicApi
 */
export interface StepInfo {
  /** The place of the step in its job, from 0. */
  readonly index: number;
  /** The name that the step was stored under. */
  readonly name: string;
  /** Where the step stands. */
  readonly status: StepStatus;
  /**
   * The arguments as they were stored: plain data, whatever class they are restored to. Absent from `list()` without
   * `includeArgs`.
   */
  readonly args?: unknown;
  /**
   * Why there are no `args` although they were asked for: this process does not have the key that they were encoded with, or they are
   * damaged. A codec that did not answer in time counts as one without the key.
   */
  readonly argsError?: 'KEY_UNKNOWN' | 'CORRUPT';
  /** How many attempts have begun. One that ended with its process counts, except the first of a job of which nothing was stored. */
  readonly attempts: number;
}

/**
 * What is known of a job.
 *
 * @publicApi
 */
export interface JobInfo {
  /** The id of the job. */
  readonly gid: string;
  /** The label given to `createJob({ name })`; `null` without one. */
  readonly name: string | null;
  /** Where the job stands. */
  readonly status: JobStatus;
  /** Its steps, in order. */
  readonly steps: readonly StepInfo[];
  /** The error of the last attempt that failed, as text, until the step succeeds. Of a row that cannot be read, why. */
  readonly error: string | null;
  /** When it was started, by the clock of its store. */
  readonly createdAt: Date;
  /**
   * When something happens next: the delayed start, the next attempt, the end of the lease, the
   * query-back of a prepared job. `null` once the job has ended.
   */
  readonly dueAt: Date | null;
  /** When it ended, by the same clock; `null` while it has not. */
  readonly endedAt: Date | null;
  /** The name of the `DataSource` that keeps the job, where jobs are stored in several. */
  readonly dataSource?: string;
  /** The id of the trace that it was started in, 32 hexadecimal digits; absent where its start was not traced. */
  readonly trace?: string;
}

/**
 * Which jobs to list. Conditions are joined by AND. Failed jobs, and those that have not ended, are found by indexes; for anything else a page
 * looks at a bounded number of jobs, see `DistributedJobs.list()`.
 *
 * @publicApi
 */
export interface JobFilter {
  /** One status, or several of which any fits. */
  readonly status?: JobStatus | readonly JobStatus[];
  /** The name of the step that the job stands at. */
  readonly step?: string;
  /** The label given to `createJob({ name })`. */
  readonly name?: string;
  /** Created at or after. */
  readonly createdAfter?: Date;
  /** Created before. */
  readonly createdBefore?: Date;
  /** Whether the steps come with their arguments. Default: `false`. */
  readonly includeArgs?: boolean;
  /** Jobs that have failed, or wait for another attempt: at least one attempt of the step that they stand at has failed. */
  readonly failing?: true;
  /**
   * Part of the text of the last error, 1 to 1,000 characters, exactly as it is written. Refused with a `codec`.
   */
  readonly error?: string;
  /** The same for the names and arguments of the steps as they are stored: JSON text, such as `"orderId":"o-7"`. */
  readonly args?: string;
  /**
   * How many jobs at most, 1 to 1,000; a page may be shorter, since it is bounded in bytes and in jobs looked at as well. It is longer where
   * several stores have the last gid. Default: 100.
   */
  readonly limit?: number;
  /** The `cursor` of the page before. */
  readonly cursor?: string;
}

/**
 * One page of jobs, those with the greatest gid first: for gids made by the library, the newest first.
 *
 * @publicApi
 */
export interface JobPage {
  /** The jobs of this page. None, with a `cursor`: there are none among those that were looked at. */
  readonly jobs: readonly JobInfo[];
  /** Hand it to the next call, which goes on behind the jobs that were looked at; absent on the last page. */
  readonly cursor?: string;
  /** Where jobs are stored in several databases: those that could not be asked, whose jobs are not here. */
  readonly missing?: readonly MissingStore[];
}

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
