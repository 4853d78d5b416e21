import type { JobStatus } from './job-status.js';

/**
 * Where one step of a job stands. `running`: a process holds the lease of the job at this step, and runs
 * it or is about to. `waiting`: due later, or not yet taken by a process. `pending`: its turn has not come.
 *
 * @publicApi
 */
export type StepStatus = 'pending' | 'waiting' | 'running' | 'succeeded' | 'failed' | 'canceled';

/** @publicApi */
export interface StepInfo {
  readonly index: number;
  readonly name: string;
  readonly status: StepStatus;
  /** The arguments as they were stored: plain data, whatever class they are restored to. */
  readonly args: unknown;
  /** How many attempts have begun. An attempt that ended with its process counts. */
  readonly attempts: number;
}

/**
 * What is known of a job.
 *
 * @publicApi
 */
export interface JobInfo {
  readonly gid: string;
  readonly name: string | null;
  readonly status: JobStatus;
  readonly steps: readonly StepInfo[];
  /** The error of the last attempt that failed, as text, until the step succeeds. */
  readonly error: string | null;
  readonly createdAt: Date;
  /**
   * When something happens next: the delayed start, the next attempt, the end of the lease, the
   * query-back of a prepared job. `null` once the job has ended.
   */
  readonly dueAt: Date | null;
  readonly endedAt: Date | null;
}

/**
 * Which jobs to list. Conditions are joined by AND.
 *
 * @publicApi
 */
export interface JobFilter {
  readonly status?: JobStatus | readonly JobStatus[];
  /** The name of the step that the job stands at. */
  readonly step?: string;
  /** The label given to `createJob({ name })`. */
  readonly name?: string;
  /** Created at or after. */
  readonly createdAfter?: Date;
  /** Created before. */
  readonly createdBefore?: Date;
  /** How many jobs at most, 1 to 1,000. Default: 100. */
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
  readonly jobs: readonly JobInfo[];
  /** Hand it to the next call; absent on the last page. */
  readonly cursor?: string;
}
