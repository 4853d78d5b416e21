import type { JobStatus } from '../../core/jobs/job-info.js';
import type { JobConditions } from '../job-store.js';
import type { NewAuditEntry } from './audit-store.js';

/** New arguments of the step that a failed job stands at. */
export interface StepEdit {
  readonly gid: string;
  readonly atStep: number;
  /** All steps as they were read, so that nobody else's edit is overwritten. */
  readonly steps: string;
  readonly newSteps: string;
}

/** Lets a job go on after the step that it stands at. */
export interface StepSkip {
  readonly gid: string;
  readonly atStep: number;
  /** `succeeded` after the last step. */
  readonly status: 'submitted' | 'succeeded';
  readonly stepIndex: number;
  readonly stepName: string | null;
  readonly attempts: number;
  readonly attemptLog: string;
  /** Whether a job that waits keeps the time that it waits for. */
  readonly keepsDue: boolean;
}

/** A bulk operation that is under way. */
export interface BulkChange {
  /** What a job must still be like when it is changed. */
  readonly conditions: JobConditions;
  /** The id of the audit's entry, which is told how many were changed. */
  readonly auditId: string;
}

export interface BulkRetry extends BulkChange {
  /** When the operation began, in epoch ms: only jobs that had failed by then. */
  readonly since: number;
  /** Milliseconds after `since` at which each of the gids is due. */
  readonly delays: readonly number[];
}

/** The statuses in which jobs can be canceled. */
export const CANCELABLE: readonly JobStatus[] = ['submitted', 'failed'];

/**
 * What is done to jobs by hand, each with its entry in the audit: one transaction for both.
 *
 * One suite (`test/contract/steering-store.contract.ts`) says what every implementation must do. Times are the store's own.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class SteeringStore {
  /** The store's clock, in epoch ms. */
  abstract now(): Promise<number>;

  /** `JobStore.retry()`, noted with the step that the job stands at. */
  abstract retry(gid: string, note: NewAuditEntry): Promise<boolean>;
  /** `JobStore.cancel()`, noted with the step that the job stands at. */
  abstract cancel(gid: string, note: NewAuditEntry): Promise<boolean>;
  /** As a retry with new arguments; false when the job has not failed at this step, or its steps have changed. */
  abstract edit(edit: StepEdit, note: NewAuditEntry): Promise<boolean>;
  /** False unless the job has failed, or waits under no lease that is still good, at this step. */
  abstract skip(skip: StepSkip, note: NewAuditEntry): Promise<boolean>;

  /** Retries failed jobs among at most 1,000 gids; returns those. Leaves out jobs that are locked. */
  abstract retryAll(gids: readonly string[], retry: BulkRetry): Promise<string[]>;
  /** Cancels submitted and failed jobs among at most 1,000 gids; returns those. Leaves out jobs that are locked. */
  abstract cancelAll(gids: readonly string[], change: BulkChange): Promise<string[]>;
}
