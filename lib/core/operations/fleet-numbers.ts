import type { MissingStore } from '../jobs/missing-store.js';

/**
 * A span of time. Bounds are told by the clock of the store.
 *
 * @publicApi
 */
export interface TimeRange {
  /** From here, inclusive. Default: an hour before `to`. */
  readonly from?: Date;
  /** Up to here, exclusive. Default: now. */
  readonly to?: Date;
}

/**
 * A number that is counted up to a limit only, so that a large table costs no more than a small one.
 *
 * @publicApi
 */
export interface BoundedCount {
  /** The number, as far as was counted: up to 10,000, or 2,500 on SQLite. */
  readonly count: number;
  /** The count has stopped: there are more, or, of `DistributedJobs.count()`, there may be some among jobs that it has not looked at. */
  readonly more: boolean;
}

/**
 * Attempts and jobs that were counted in a span of time; zeros where nothing is counted (`monitoring: false`). They are counted in the minute
 * in which they are written, up to 15 seconds later. A process that is killed takes as much of its counts with it.
 *
 * @publicApi
 */
export interface AttemptNumbers {
  /** Attempts that succeeded. */
  readonly succeeded: number;
  /** Attempts that failed. */
  readonly failed: number;
  /** Failed attempts after which the job has failed for good. */
  readonly gaveUp: number;
  /** Jobs whose last step succeeded. */
  readonly jobsSucceeded: number;
}

/**
 * How long something took, in milliseconds. Read from a histogram whose bins double, so each is right within a factor of 1.4.
 *
 * @publicApi
 */
export interface DurationNumbers {
  /** The mean, which is exact; `null` without attempts. */
  readonly meanMs: number | null;
  /** About half took at most this long. */
  readonly p50Ms: number | null;
  /** About 95 of 100 took at most this long. */
  readonly p95Ms: number | null;
  /** About 99 of 100 took at most this long. */
  readonly p99Ms: number | null;
}

/**
 * Why nothing of a step begins at present.
 *
 * @publicApi
 */
export interface StepPause {
  /** `pause`: somebody has paused the step. `brake`: it has failed too often. */
  readonly kind: 'pause' | 'brake';
  /** Why, in the words of whoever paused it. */
  readonly reason: string | null;
  /** Who paused it. */
  readonly by: string | null;
  /** Since when. */
  readonly since: Date;
  /** When it ends by itself; `null` when somebody has to resume the step. */
  readonly until: Date | null;
}

/**
 * One step over all processes.
 *
 * @publicApi
 */
export interface StepNumbers extends AttemptNumbers {
  /** The name of the step. */
  readonly step: string;
  /** How many live processes provide it; `null` where processes are not known (`monitoring: false`). */
  readonly processes: number | null;
  /** Its jobs that could begin now. */
  readonly due: BoundedCount;
  /** For how long the oldest of them could have begun, in milliseconds; `null` when there is none. */
  readonly oldestDueMs: number | null;
  /** How long attempts took. */
  readonly run: DurationNumbers;
  /** How long jobs waited from when they were due until the attempt began. */
  readonly wait: DurationNumbers;
  /** Set while the step is paused. */
  readonly pause: StepPause | null;
}

/**
 * The state of the fleet at a glance. Counts of jobs are bounded; a healthy store answers in milliseconds, whatever the table holds.
 *
 * @publicApi
 */
export interface FleetOverview {
  /** When it was taken, by the clock of the store. */
  readonly at: Date;
  /** Jobs that could begin now and that no process holds. */
  readonly due: BoundedCount;
  /** For how long the oldest of them could have begun, in milliseconds; `null` when there is none. Paused steps are left out. */
  readonly oldestDueMs: number | null;
  /** Jobs that a process holds: at work, or waiting in its memory. */
  readonly held: BoundedCount;
  /** Jobs that wait for a later time: a delay, or the next attempt. */
  readonly waiting: BoundedCount;
  /** Jobs whose transaction has not ended, as far as is known. */
  readonly prepared: BoundedCount;
  /** Jobs that have failed and wait for somebody. */
  readonly failed: BoundedCount;
  /** Attempts that run now, by what live processes last told; `null` with `monitoring: false`. */
  readonly running: number | null;
  /** Live processes; `null` with `monitoring: false`. */
  readonly processes: number | null;
  /** What the last whole minute counted; `null` with `monitoring: false`. */
  readonly lastMinute: AttemptNumbers | null;
  /** When a live process that runs steps last looked for due jobs; `null` when none is known. */
  readonly recoveredAt: Date | null;
  /** The steps that are paused or braked, by name. */
  readonly paused: Readonly<Record<string, StepPause>>;
  /** Where jobs are stored in several databases: those that could not be asked, whose jobs are not counted. */
  readonly missing?: readonly MissingStore[];
}

/**
 * Which span of time, and of which step.
 *
 * @publicApi
 */
export interface TimelineQuery extends TimeRange {
  /** One step alone. Default: all together. */
  readonly step?: string;
}

/**
 * Counts over time, in equal buckets: minutes for the last two hours, hours before that.
 *
 * @publicApi
 */
export interface Timeline {
  /** The width of a bucket, in seconds. */
  readonly bucketSeconds: 60 | 3600;
  /** In order; buckets in which nothing was counted are there as well, with zeros. */
  readonly buckets: readonly TimelineBucket[];
}

/**
 * What was counted in one bucket.
 *
 * @publicApi
 */
export interface TimelineBucket extends AttemptNumbers {
  /** When it starts. */
  readonly at: Date;
}

/**
 * Failed jobs that failed in the same way, among those that were looked at.
 *
 * @publicApi
 */
export interface FailureGroup {
  /** The step that they stand at. */
  readonly step: string;
  /** The name of the error's class, where it is known. */
  readonly errorName: string | null;
  /** The first line of an error of the group; `null` where a codec keeps error texts. */
  readonly message: string | null;
  /** How many of the jobs that were looked at. */
  readonly count: number;
  /** The job of the group that failed last. */
  readonly gid: string;
  /** When that one failed. */
  readonly lastAt: Date;
}

/**
 * Failed jobs by what made them fail.
 *
 * @publicApi
 */
export interface FailureGroups {
  /** The largest group first. */
  readonly groups: readonly FailureGroup[];
  /** How many failed jobs were looked at: the last by gid, half of them with gids that the library made. */
  readonly lookedAt: number;
  /** There are failed jobs that were not looked at. */
  readonly more: boolean;
}

/**
 * A process of the application, by what it last told.
 *
 * @publicApi
 */
export interface ProcessInfo {
  /** The random id of the process. The owner of each lease starts with it. */
  readonly id: string;
  /** The host and the number of the process, as `host:pid`. */
  readonly name: string;
  /** The host's name. */
  readonly host: string;
  /** The number of the process on its host. */
  readonly pid: number;
  /** The version of the library. */
  readonly version: string;
  /** `gone`: it has told nothing for three heartbeats, so it is dead or cut off. `stopping`: it is shutting down. */
  readonly state: 'alive' | 'stopping' | 'gone';
  /** Whether it runs steps. */
  readonly runsSteps: boolean;
  /** When it started. */
  readonly startedAt: Date;
  /** When it last told. */
  readonly seenAt: Date;
  /** When it last looked for due jobs; `null` before the first time. */
  readonly recoveredAt: Date | null;
  /** How many attempts may run at once. */
  readonly concurrency: number;
  /** How many attempts ran. */
  readonly running: number;
  /** How many jobs waited in its memory. */
  readonly waiting: number;
  /** How many jobs carry its lease, as far as jobs are counted. Of one that has gone, others take them when the leases expire. */
  readonly held: number;
  /** The names of the steps that it provides. */
  readonly steps: readonly string[];
  /** What it was at, the longest first; at most 50. */
  readonly busy: readonly BusyAttempt[];
}

/**
 * An attempt that was running when its process last told.
 *
 * @publicApi
 */
export interface BusyAttempt {
  /** The id of the job. */
  readonly gid: string;
  /** The name of the step. */
  readonly step: string;
  /** When the attempt began. */
  readonly since: Date;
}

/**
 * Whether jobs are seen through.
 *
 * @publicApi
 */
export interface FleetHealth {
  /** `down`: nobody looks for due jobs. `degraded`: something waits for too long. */
  readonly status: 'up' | 'degraded' | 'down';
  /** Why, each with a stable code; empty when all is well. */
  readonly problems: readonly HealthProblem[];
}

/**
 * One thing that is not as it should be.
 *
 * @publicApi
 */
export interface HealthProblem {
  /** Stable. */
  readonly code: 'RECOVERY_STOPPED' | 'NO_WORKERS' | 'JOBS_WAIT_TOO_LONG' | 'STORE_UNREACHABLE';
  /** A sentence for a person. */
  readonly text: string;
  /** The step that waits, where it is about one. */
  readonly step?: string;
}
