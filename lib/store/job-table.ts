import type { Statement } from './connections/internal.connection.js';

/** A job as it is inserted. `dueIn` counts, like every time that goes in, from the database's now. */
export interface JobInsert {
  readonly gid: string;
  readonly name: string | null;
  readonly status: string;
  readonly steps: string;
  readonly stepName: string;
  readonly owner: string | null;
  readonly dueIn: number;
  readonly lookup: string | null;
}

/** A job as it is read; times are epoch milliseconds, computed by the database. */
export interface JobRow {
  readonly gid: string;
  readonly name: string | null;
  readonly status: string;
  readonly steps: string;
  readonly step_index: number;
  readonly step_name: string | null;
  readonly attempts: number;
  readonly attempt_log: string | null;
  readonly owner: string | null;
  readonly lookup: string | null;
  readonly error: string | null;
  readonly created_ms: number | string | bigint;
  readonly due_ms: number | string | bigint | null;
  readonly ended_ms: number | string | bigint | null;
}

/** What a process needs of a job that it has claimed. */
export interface ClaimedJobRow extends Pick<
  JobRow,
  'gid' | 'status' | 'steps' | 'step_index' | 'attempts' | 'attempt_log' | 'owner' | 'lookup' | 'error'
> {
  /** Milliseconds: its own, or the least of all that were claimed. */
  readonly due_for: number | string;
}

/** The columns of `ClaimedJobRow` that are columns of the table. */
export const CLAIMED_COLUMNS = 'gid, status, steps, step_index, attempts, attempt_log, owner, lookup, error';

/** The row of one job under one owner. */
export interface JobOwner {
  readonly gid: string;
  readonly owner: string;
}

/** New values for a submitted job, written only at step `atStep` and under `owner`. */
export interface JobUpdate extends JobOwner {
  readonly atStep: number;
  readonly status: string;
  readonly stepIndex: number;
  readonly stepName: string | null;
  readonly attempts: number;
  /** `null` leaves it. */
  readonly attemptLog: string | null;
  readonly error: string | null;
  readonly due: number | 'keep' | null;
  readonly release: boolean;
}

/** New values for a prepared job. */
export interface PreparedUpdate extends JobOwner {
  readonly status: string;
  readonly due: number | null;
  readonly release: boolean;
}

export interface JobClaim {
  readonly owner: string;
  readonly limit: number;
  readonly leaseDuration: number;
  readonly steps: readonly string[];
  /** Milliseconds; a table may leave out rows that have been due for longer. */
  readonly dueWithin?: number | undefined;
}

/**
 * The SQL by which jobs are started and run, for one database. Statements that are equal in two databases are written
 * twice all the same: each file can be read, and reviewed, on its own.
 *
 * Methods that take several rows answer with the gids of the rows that they wrote. They expect at least
 * one row and at most a few hundred.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class JobTable {
  abstract insert(jobs: readonly JobInsert[]): Promise<Set<string>>;
  /** Inserts one job in a transaction of the application. */
  abstract insertStatement(job: JobInsert): Statement;
  /**
   * The same for a statement that may travel with the COMMIT, where the database takes several at once. The gid is
   * nobody else's: finding it taken is an error.
   */
  commitStatement(_job: JobInsert): Statement | undefined {
    return undefined;
  }

  abstract claim(claim: JobClaim): Promise<ClaimedJobRow[]>;
  /** Leaves out rows that somebody has locked. */
  abstract renew(keys: readonly JobOwner[], leaseDuration: number): Promise<Set<string>>;
  abstract held(keys: readonly JobOwner[]): Promise<Set<string>>;

  /** Leaves out rows that somebody has locked: `unchanged()` tells them from lost leases. */
  abstract change(updates: readonly JobUpdate[]): Promise<Set<string>>;
  /**
   * The same, but waits for locked rows: `lockTimeout` milliseconds, or the next whole second where the database
   * counts in those. Fails with a transient error, and changes nothing, when that is too short.
   */
  abstract changePatiently(updates: readonly JobUpdate[], lockTimeout: number): Promise<Set<string>>;
  /** Those of `updates` that could still be made, without waiting for locks. */
  abstract unchanged(updates: readonly JobUpdate[]): Promise<Set<string>>;
  /** Changes one job in a transaction of the application. */
  abstract changeStatement(update: JobUpdate): Statement;
  abstract changePrepared(updates: readonly PreparedUpdate[]): Promise<Set<string>>;

  /** Deletes a row that is as it was inserted, under `owner` or, for `null`, unleased. */
  abstract deleteNew(gid: string, owner: string | null): Promise<void>;
}
