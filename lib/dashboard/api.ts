import type { MissingStore } from '../core/jobs/missing-store.js';
import type { AuditEntry, BulkResult, JobExplanation } from '../core/jobs/job-operations.js';
import type { JobInfo, JobStatus } from '../core/jobs/job-info.js';
import type {
  FleetHealth,
  FleetOverview,
  ProcessInfo,
  StepNumbers,
  Timeline,
} from '../core/operations/fleet-numbers.js';

/**
 * What the page and its server say to each other. All paths are below the dashboard's own; GET unless told otherwise. Answers are JSON. An error
 * is an `ErrorAnswer` with its HTTP status.
 */

/** T as JSON carries it: dates are texts in ISO 8601. */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer E)[]
    ? readonly Wire<E>[]
    : T extends object
      ? { readonly [K in keyof T]: Wire<T[K]> }
      : T;

/** What a person can be allowed to do. */
export type DashboardAction = 'retry' | 'cancel' | 'skip' | 'edit' | 'pause';

/** What a transaction manager may be unable to do. */
export type Feature =
  | 'overview'
  | 'timeline'
  | 'steps'
  | 'processes'
  | 'audit'
  | 'count'
  | 'explain'
  | 'search'
  | 'byStep'
  | 'skip'
  | 'edit'
  | 'bulk'
  | 'pause';

/** `api/session`: who looks, and what they may see and do. */
export interface SessionAnswer {
  /** Of the library. */
  readonly version: string;
  readonly title: string;
  readonly environment: { readonly label: string; readonly color: string | null } | null;
  /** How often a page that is looked at asks again, in milliseconds. */
  readonly refreshMs: number;
  /** Who, as the audit will say it; `null` where nobody tells. */
  readonly actor: string | null;
  readonly actions: readonly DashboardAction[];
  readonly showArguments: 'never' | 'click' | 'always';
  /** What is not possible here at all, each with the reason; it is shown greyed out. */
  readonly unavailable: { readonly [F in Feature]?: string };
  /** Jobs of which status can be retried: those of a manager that repeats steps until they succeed never fail. */
  readonly retries: 'failed' | 'submitted';
}

/**
 * `api/overview`: computed at most every two seconds, whoever asks. Parts that are `null` are not available: the manager has none of it, which
 * `SessionAnswer.unavailable` tells, or it could not be read, which is one of `attention`.
 */
export interface OverviewAnswer {
  readonly overview: Wire<FleetOverview> | null;
  readonly health: Wire<FleetHealth> | null;
  /** What somebody should look at, the worst first. */
  readonly attention: readonly Attention[];
  /** Of the last hour, the busiest first; empty where it is not available. */
  readonly steps: readonly Wire<StepNumbers>[];
}

/** One thing that somebody should look at. */
export type Attention =
  | { readonly kind: 'problem'; readonly code: string; readonly text: string; readonly step?: string }
  | {
      readonly kind: 'failures';
      readonly step: string;
      readonly errorName: string | null;
      readonly message: string | null;
      readonly count: number;
      /** There may be older ones. */
      readonly more: boolean;
      readonly gid: string;
      readonly lastAt: string;
    }
  | { readonly kind: 'notProvided'; readonly step: string; readonly due: number; readonly more: boolean }
  | { readonly kind: 'paused'; readonly step: string; readonly pause: Wire<StepNumbers['pause'] & object> }
  | {
      readonly kind: 'gone';
      readonly process: string;
      readonly id: string;
      readonly held: number;
      readonly seenAt: string;
    }
  | {
      readonly kind: 'slow';
      readonly gid: string;
      readonly step: string;
      readonly process: string;
      readonly since: string;
      /** What 99 of 100 attempts take at most, about. */
      readonly p99Ms: number;
    };

/** A span of time that charts and tables are for. */
export type Range = '1h' | '24h' | '7d';

/** `api/timeline?range=&step=` */
export type TimelineAnswer = Wire<Timeline>;

/** `api/steps?range=` */
export interface StepsAnswer {
  readonly steps: readonly Wire<StepNumbers>[];
}

/** `api/processes` */
export interface ProcessesAnswer {
  readonly processes: readonly Wire<ProcessInfo>[];
}

/** Which jobs: the query of `api/jobs`, and the `filter` of actions on many. Times are ISO 8601. */
export interface JobsQuery {
  readonly status?: JobStatus;
  readonly step?: string;
  readonly name?: string;
  readonly failing?: 'true';
  readonly error?: string;
  readonly args?: string;
  readonly after?: string;
  readonly before?: string;
}

/** Of an answer that is made of several stores. */
export interface Missing {
  /** Stores that could not be asked, and why. What they keep is not in the answer. */
  readonly missing?: readonly MissingStore[];
}

/** `api/jobs?<JobsQuery>&cursor=&limit=` */
export interface JobsAnswer extends Missing {
  /** Steps come without their arguments. */
  readonly jobs: readonly Wire<JobInfo>[];
  /** Of the next page. A page may be empty and still have one: older jobs were not looked at yet. */
  readonly cursor?: string;
}

/** `api/count?<JobsQuery>` */
export interface CountAnswer {
  readonly count: number;
  readonly more: boolean;
}

/** `api/job?gid=&args=true`: arguments only when asked for, where they may be shown, and masked. */
export interface JobAnswer {
  readonly job: Wire<JobInfo>;
  readonly explanation: Wire<JobExplanation> | null;
  /** What was done to this job by hand, the newest first. */
  readonly audit: readonly Wire<AuditEntry>[];
  /** Since when its attempt runs, where a process has told. */
  readonly runningSince: string | null;
  /** Some of the arguments are masked. */
  readonly masked: boolean;
}

/** `api/audit?gid=&step=&action=&by=&cursor=&limit=&args=true`: arguments that were replaced are there as those of `api/job` are. */
export interface AuditAnswer extends Missing {
  readonly entries: readonly Wire<AuditEntry>[];
  readonly cursor?: string;
}

/** POST `api/retry` */
export interface RetryRequest {
  readonly gid: string;
  readonly reason?: string;
  /** New arguments of the step that failed. Needs the action `edit`. A masked value that was left as it is keeps what is stored. */
  readonly args?: unknown;
  /** The index of the step that `args` are for, as it was shown: the job may stand at another one by now. */
  readonly step?: number;
}

/** POST `api/cancel` */
export interface CancelRequest {
  readonly gid: string;
  readonly reason?: string;
}

/** POST `api/skip` */
export interface SkipRequest {
  readonly gid: string;
  /** The index that the job stands at, as it was shown. */
  readonly step: number;
  readonly reason: string;
}

/** POST `api/retry-all`, `api/cancel-all` */
export interface BulkRequest {
  readonly filter: JobsQuery;
  readonly reason: string;
  /** True: only tells how many. */
  readonly dryRun: boolean;
  /** How many jobs at most, up to 10,000. Default: `counted`, or 10,000. */
  readonly limit?: number;
  /** How many a dry run has told of: where more match by now, nothing is done. */
  readonly counted?: number;
  /** Of `retry-all`: how long the attempts are spread over, such as `5m`. Not where the filter looks for a text. */
  readonly spread?: string;
}
export interface BulkAnswer extends BulkResult {
  /**
   * Jobs that were created from then on do not count. Send it as `filter.before`, and `matched` as `counted`, to act on what a dry run has
   * told of.
   */
  readonly before: string;
}

/** POST `api/pause` */
export interface PauseRequest {
  readonly step: string;
  readonly reason: string;
  /** How long, such as `15m`; left out: until somebody resumes it. */
  readonly until?: string;
}

/** POST `api/resume` */
export interface ResumeRequest {
  readonly step: string;
  readonly reason?: string;
}

/** POSTs without an answer of their own. */
export interface DoneAnswer {
  /** False where there was nothing left to do. */
  readonly changed: boolean;
}

/** Every error of the dashboard itself. Others, such as those of the application's guards, may have any body. */
export interface ErrorAnswer {
  /** Stable: `STEPPING_JOB_STATE`, `FORBIDDEN`, `CROSS_SITE`, `INVALID_REQUEST`, `CHANGED`, `BUSY`. */
  readonly code: string;
  /** A sentence for a person. */
  readonly message: string;
}
