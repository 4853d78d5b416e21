import type { MissingStore } from '../../core/jobs/missing-store.js';

/** What a process tells of itself. Times are ages in milliseconds: only the store's clock makes times of them. */
export interface ProcessReport {
  readonly id: string;
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly state: 'alive' | 'stopping';
  readonly runsSteps: boolean;
  readonly startedAgo: number;
  readonly recoveredAgo: number | null;
  readonly concurrency: number;
  readonly running: number;
  readonly waiting: number;
  readonly steps: readonly string[];
  readonly busy: readonly { readonly gid: string; readonly step: string; readonly forMs: number }[];
}

/** What a process has told, and when. */
export interface ProcessRecord extends Omit<ProcessReport, 'startedAgo' | 'recoveredAgo'> {
  readonly startedAt: Date;
  readonly seenAt: Date;
  readonly recoveredAt: Date | null;
}

/** Numbers of attempts. */
export interface Counts {
  readonly succeeded: number;
  readonly failed: number;
  readonly gaveUp: number;
  readonly jobsSucceeded: number;
  /** Sums, in milliseconds. */
  readonly runMs: number;
  readonly waitMs: number;
}

/** What one process has counted of one step in one minute; of `process: ''`, what all have counted in an hour. */
export interface CountedRow extends Counts {
  /** When the minute or the hour began, in epoch milliseconds. */
  readonly bucket: number;
  readonly step: string;
  readonly process: string;
  /** By `encodeBins()`. */
  readonly runBins: string;
  readonly waitBins: string;
}

/** From `from`, up to and without `to`, in epoch milliseconds. */
export interface CountedRange {
  readonly from: number;
  readonly to: number;
  readonly step?: string | undefined;
}

/** Jobs that could begin now. */
export interface DueGroup {
  readonly step: string;
  /** The process whose lease of them has expired. */
  readonly process: string | null;
  readonly jobs: number;
  /** When the first of them was due. */
  readonly oldest: Date;
}

/** Jobs that are due later, or prepared. */
export interface LaterGroup {
  readonly status: 'submitted' | 'prepared';
  /** The process that holds them. */
  readonly process: string | null;
  readonly jobs: number;
}

/** The state of the jobs, as far as the limit of rows reaches. */
export interface JobCounts {
  readonly at: Date;
  /** How many jobs of one kind are counted, and are looked at for a group. */
  readonly limit: number;
  readonly due: readonly DueGroup[];
  /** More jobs are due. */
  readonly moreDue: boolean;
  readonly later: readonly LaterGroup[];
  readonly moreLater: boolean;
  readonly failed: number;
  readonly moreFailed: boolean;
  /** Of several stores: those that could not be asked. */
  readonly missing?: readonly MissingStore[];
}

/** A job that has failed. */
export interface FailedRow {
  readonly gid: string;
  readonly step: string;
  readonly errorName: string | null;
  /** The beginning of the error, as it is stored. */
  readonly error: string | null;
  readonly endedAt: Date;
}

/** How many jobs of one kind are counted. */
export const COUNT_LIMIT = 10_000;
/** For how long minutes are kept, in milliseconds; then hours are made of them. */
export const KEEP_MINUTES_MS = 2 * 3600 * 1000;
/** For how long hours are kept, in milliseconds. */
export const KEEP_HOURS_MS = 90 * 24 * 3600 * 1000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
/** Rows of counts that one call reads at most, the newest ones. */
export const MAX_COUNTED_ROWS = 50_000;
/** Rows whose histograms one call reads at most, the newest ones. */
export const MAX_BIN_ROWS = 5_000;
/** How many processes are listed at most, those that have told last. */
export const MAX_PROCESSES = 500;

/**
 * What is known of the processes and of their work: information only, since no job depends on it. One suite
 * (`test/contract/fleet-store.contract.ts`) says what every implementation must do.
 *
 * Every call is bounded in rows, and those that read are bounded in time by the database, where it can do that.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class FleetStore {
  /** The clock of the store, in epoch milliseconds. */
  abstract now(): Promise<number>;

  /** Writes the row of a process. */
  abstract announce(report: ProcessReport): Promise<void>;
  /** Updates the row of a process, except its steps; false when it has none. */
  abstract beat(report: ProcessReport): Promise<boolean>;
  abstract forget(id: string): Promise<void>;
  /** Deletes the rows of processes that have told nothing for `milliseconds`. */
  abstract forgetSilent(milliseconds: number): Promise<void>;
  /** Those that have told something within `milliseconds`, the last one first. */
  abstract processes(milliseconds: number): Promise<ProcessRecord[]>;

  /** Writes rows, or writes them over. */
  abstract write(rows: readonly CountedRow[]): Promise<void>;
  /** Makes hours of some old minutes, and deletes old hours, unless another process does; true when there is more to do. */
  abstract rollUp(): Promise<boolean>;
  /** Sums by step. */
  abstract countedBySteps(range: CountedRange): Promise<(Counts & { readonly step: string })[]>;
  /** Sums by minute and hour. */
  abstract countedByTime(range: CountedRange): Promise<(Counts & { readonly bucket: number })[]>;
  /** The histograms. */
  abstract bins(range: CountedRange): Promise<Pick<CountedRow, 'step' | 'runBins' | 'waitBins'>[]>;

  abstract jobs(): Promise<JobCounts>;
  /**
   * Failed jobs, the last to fail first: those with the greatest gids. Half of them have gids that the library made, half have others; either
   * fills up what the other leaves. Greatest gids alone would be the same old ones for ever, where callers give gids such as `webhook:1`.
   */
  abstract failures(limit: number): Promise<FailedRow[]>;
}

/** What is asked about the fleet. */
export type FleetReads = Pick<
  FleetStore,
  'now' | 'processes' | 'countedBySteps' | 'countedByTime' | 'bins' | 'jobs' | 'failures'
>;
