import type { Duration } from '../duration.js';
import type { ActionNote } from '../operations/action-note.js';
import type { JobStatus } from './job-info.js';
import type { MissingStore } from './missing-store.js';

/**
 * How `retry()` retries.
 *
 * @publicApi
 */
export interface RetryJobOptions extends ActionNote {
  /**
   * New arguments of the step that failed, as plain data. They are checked as at `addStep()`; this process must provide the step. The
   * step gets a new idempotency key, since its target may have seen the old one with other data.
   */
  readonly args?: unknown;
}

/**
 * Which step `skip()` skips, and what is noted of it.
 *
 * @publicApi
 */
export interface SkipStepOptions extends ActionNote {
  /** The index of the step. It must be the one that the job stands at, so that a job that has gone on meanwhile is left alone. */
  readonly step: number;
  /** Why; it is kept in the audit. */
  readonly reason: string;
  /** Who. */
  readonly by: string;
}

/**
 * How many jobs a bulk operation touches, and what is noted of it.
 *
 * @publicApi
 */
export interface BulkOptions extends ActionNote {
  /** How many jobs at most, 1 to 100,000. Default: 10,000. */
  readonly limit?: number;
  /** Why; it is kept in the audit. */
  readonly reason: string;
  /** Who. */
  readonly by: string;
  /** Changes nothing, and tells how many would be. Default: `false`. */
  readonly dryRun?: boolean;
}

/**
 * How `retryAll()` retries.
 *
 * @publicApi
 */
export interface BulkRetryOptions extends BulkOptions {
  /** Spreads the new attempts evenly over this time, so that many retries are no second outage. Default: 0, at once. */
  readonly spread?: Duration;
}

/**
 * What a bulk operation did.
 *
 * @publicApi
 */
export interface BulkResult {
  /** How many jobs the filter found, up to the limit. */
  readonly matched: number;
  /** How many were changed. Jobs that changed meanwhile, or are locked, are left alone. */
  readonly changed: number;
  /** There are more than the limit; of a search by `error` or `args`, there may be some among jobs that it has not looked at. */
  readonly more: boolean;
  /** Where jobs are stored in several databases: those that could not be reached, or not to the end. Nothing further was changed there. */
  readonly missing?: readonly MissingStore[];
}

/**
 * Why a job does not run, or what runs it.
 *
 * `DELAYED` it is due later · `BACKING_OFF` its last attempt failed, and it waits for the next one · `PAUSED` and `BRAKED` its step is ·
 * `HELD_BY` a process holds it, or held it until its lease ended · `PREPARED_UNRESOLVED` its transaction has not ended, as far as is known ·
 * `NO_PROCESS_PROVIDES_STEP` no live process provides its step · `NO_WORKERS` no live process runs steps · `RECOVERY_STOPPED` live processes
 * have not looked for due jobs for a minute · `ALL_PROCESSES_FULL` those that provide its step are full · `ARGUMENTS_DO_NOT_FIT` a process
 * could not read its arguments · `COULD_NOT_BEGIN` its step could not begin for another reason, such as a database that was away · `DUE` it
 * is next · `ENDED` it has ended.
 *
 * @publicApi
 */
export type JobReasonCode =
  | 'DELAYED'
  | 'BACKING_OFF'
  | 'PAUSED'
  | 'BRAKED'
  | 'HELD_BY'
  | 'PREPARED_UNRESOLVED'
  | 'NO_PROCESS_PROVIDES_STEP'
  | 'NO_WORKERS'
  | 'RECOVERY_STOPPED'
  | 'ALL_PROCESSES_FULL'
  | 'ARGUMENTS_DO_NOT_FIT'
  | 'COULD_NOT_BEGIN'
  | 'DUE'
  | 'ENDED';

/**
 * One reason.
 *
 * @publicApi
 */
export interface JobReason {
  /** Stable. */
  readonly code: JobReasonCode;
  /** A sentence for a person. */
  readonly text: string;
  /** When it changes by itself: the next attempt, the end of the lease, the end of the pause. */
  readonly until?: Date;
  /** The process that holds the job. */
  readonly process?: {
    /** Its id. */
    readonly id: string;
    /** Its name, where it is known. */
    readonly name: string | null;
    /** Whether it is known to live; `null` where processes are not known. */
    readonly alive: boolean | null;
  };
}

/**
 * What `explain()` tells of a job.
 *
 * @publicApi
 */
export interface JobExplanation {
  /** The id of the job. */
  readonly gid: string;
  /** Where it stands. */
  readonly status: JobStatus;
  /** The step that it stands at; `null` when it has none left. */
  readonly step: string | null;
  /** The most important reason first; at least one. */
  readonly reasons: readonly JobReason[];
}

/**
 * What somebody did by hand.
 *
 * @publicApi
 */
export interface AuditEntry {
  /** Sorts by time. */
  readonly id: string;
  /** When, by the clock of the store. */
  readonly at: Date;
  /** Who, if that was told. */
  readonly by: string | null;
  /** What. */
  readonly action: AuditAction;
  /** The job, where it is about one. */
  readonly gid: string | null;
  /** The step, where it is about one. */
  readonly step: string | null;
  /** Why, if that was told. */
  readonly reason: string | null;
  /** How many jobs were changed. */
  readonly count: number;
  /** The filter of a bulk operation, the arguments before they were edited. Absent where it cannot be decoded. */
  readonly detail?: unknown;
}

/**
 * What can be done by hand. `brake` and `release` are done by the library itself.
 *
 * @publicApi
 */
export type AuditAction = 'retry' | 'edit' | 'cancel' | 'skip' | 'pause' | 'resume' | 'brake' | 'release';

/** Every action. */
export const AUDIT_ACTIONS: readonly AuditAction[] = [
  'retry',
  'edit',
  'cancel',
  'skip',
  'pause',
  'resume',
  'brake',
  'release',
];

/**
 * Which entries of the audit to read. Conditions are joined by AND.
 *
 * @publicApi
 */
export interface AuditFilter {
  /** One job. */
  readonly gid?: string;
  /** One step. */
  readonly step?: string;
  /** One kind of action. */
  readonly action?: AuditAction;
  /** One person. */
  readonly by?: string;
  /** How many entries at most, 1 to 1,000. Default: 100. */
  readonly limit?: number;
  /** The `cursor` of the page before. */
  readonly cursor?: string;
}

/**
 * One page of the audit, the newest entries first. Entries are kept for 90 days.
 *
 * @publicApi
 */
export interface AuditPage {
  /** The entries of this page. */
  readonly entries: readonly AuditEntry[];
  /** Hand it to the next call; absent on the last page. */
  readonly cursor?: string;
  /** Where jobs are stored in several databases: those that could not be asked, whose entries are not here. The
   * next page has them if they can be asked by then, which the order of times does not hold for. */
  readonly missing?: readonly MissingStore[];
}
