import type { JobStatus } from '../core/jobs/job-info.js';
import type { QueryRunnerLike } from '../core/transactions/typeorm.types.js';
import type { AttemptMark } from './attempt-marks.js';
import type { Statement } from './connections/internal.connection.js';

/** A job as it is first written. */
export interface NewJob {
  readonly gid: string;
  readonly name: string | null;
  /** `submitted`: may run at once. `prepared`: its transaction, in another database, has not ended yet. */
  readonly status: 'submitted' | 'prepared';
  /** All steps with their arguments, encoded by `encodeSteps()`. */
  readonly steps: string;
  /** The name of the first step. Processes find the jobs that they can run by it. */
  readonly stepName: string;
  /** The owner of its first lease, or `null` when any process may take it. */
  readonly owner: string | null;
  /** Milliseconds until the job is due: the lease, the delay, or the time to the first query-back. */
  readonly dueIn: number;
  /** How a prepared job's transaction is found again: JSON text, opaque to the store. */
  readonly lookup: string | null;
  /** Where its start was traced, as `traceText()` writes it. Most jobs have none, and their INSERT does not name the column. */
  readonly trace?: string | undefined;
}

/** A job as it is stored. */
export interface JobRecord {
  readonly gid: string;
  readonly name: string | null;
  readonly status: JobStatus;
  readonly steps: string;
  readonly stepIndex: number;
  readonly stepName: string | null;
  /** Attempts of the current step that were counted and have ended without success. */
  readonly attempts: number;
  readonly mark: AttemptMark | null;
  /** How many attempts in a row have begun and ended with their process; `null` where none is known. */
  readonly crashes: number | null;
  /** Steps that needed more than one attempt, as `"index:attempts,…"`; with an `s` behind it, of a step that was skipped. */
  readonly attemptLog: string | null;
  readonly owner: string | null;
  readonly lookup: string | null;
  readonly error: string | null;
  /** The name of the class of the error, which is not encoded. */
  readonly errorName: string | null;
  readonly trace: string | null;
  readonly createdAt: Date;
  readonly dueAt: Date | null;
  readonly endedAt: Date | null;
}

/** What a process needs of a job that it has claimed. */
export interface ClaimedJob extends Pick<
  JobRecord,
  | 'gid'
  | 'status'
  | 'steps'
  | 'stepIndex'
  | 'stepName'
  | 'attempts'
  | 'mark'
  | 'crashes'
  | 'attemptLog'
  | 'owner'
  | 'lookup'
  | 'error'
  | 'trace'
> {
  /** Milliseconds that it had been due: its own, or the least of all that were claimed with it. */
  readonly dueFor: number;
}

/** A job together with the owner token of one claim of it. */
export interface LeaseKey {
  readonly gid: string;
  readonly owner: string;
}

/** A fenced change: made only while the job is `submitted`, at `atStep`, under `owner`. */
export interface JobChange extends LeaseKey {
  readonly atStep: number;
  readonly status: 'submitted' | 'succeeded' | 'failed';
  readonly stepIndex: number;
  readonly stepName: string | null;
  readonly attempts: number;
  readonly mark: AttemptMark | null;
  readonly crashes: number | null;
  /** The new attempt log, or `null` to leave it. */
  readonly attemptLog: string | null;
  /** The last error, already cleaned and cut; `null` clears it, and its name. */
  readonly error: string | null;
  /** The name of its class; left out where it stays as it is. */
  readonly errorName?: string | null;
  /** Milliseconds until it is due, `'keep'` while the lease goes on, `null` when the job has ended. */
  readonly due: number | 'keep' | null;
  /** Gives the lease up (`owner` becomes null). Never together with `due: 'keep'`. */
  readonly release: boolean;
}

/** A fenced change of a job that is still `prepared`. */
export interface PreparedChange extends LeaseKey {
  /** `prepared` asks again later. */
  readonly status: 'submitted' | 'rolledBack' | 'prepared';
  readonly due: number | null;
  readonly release: boolean;
}

export interface ClaimRequest {
  /** The new owner token of every job claimed. */
  readonly owner: string;
  readonly limit: number;
  /** Milliseconds. */
  readonly leaseDuration: number;
  /** The names of the steps that this process can run; prepared jobs are claimed whatever their step. */
  readonly steps: readonly string[];
  /** Milliseconds. Jobs that have been due for longer may be left out. */
  readonly dueWithin?: number | undefined;
  /** How many bytes the steps of all jobs together may take as they are stored. Default: any number. */
  readonly maxBytes?: number | undefined;
  /** How many the oldest job may take if it comes alone. Default: any number. */
  readonly maxLone?: number | undefined;
  /** Asked when the rows are about to be read; nothing more is claimed where it says no. Default: always yes. */
  readonly stillWanted?: (() => boolean) | undefined;
}

export interface JobQuery {
  readonly status?: readonly JobStatus[];
  /** Jobs whose current step has this name. */
  readonly step?: string;
  readonly name?: string;
  readonly createdAfter?: Date;
  readonly createdBefore?: Date;
  /** Jobs that have failed or go on, with failed attempts of their current step. */
  readonly failing?: true;
  /** Part of the last error. */
  readonly error?: string;
  /** Part of the stored steps. */
  readonly args?: string;
  readonly limit: number;
  /** Bytes of the stored steps; the first job of a page may be larger. Default: no bound. */
  readonly maxBytes?: number;
  /** A page goes on with these jobs, so that the first one has to fit as well. */
  readonly continued?: boolean;
  /** Only jobs whose gid sorts before this one: the gid of the last job of the page before. */
  readonly before?: string;
  /** Only these jobs. */
  readonly gids?: readonly string[];
  /** Looks at so many jobs only, whatever the other conditions say; of those that have failed, where `status` asks for these alone. */
  readonly within?: number;
}

/** What jobs must be like, and where to look for them. */
export type JobConditions = Omit<JobQuery, 'limit' | 'maxBytes' | 'continued' | 'within'>;

/** A page of jobs. */
export interface RecordPage {
  readonly jobs: JobRecord[];
  /** Others follow among those that were looked at, which `limit` or `maxBytes` left out. */
  readonly more: boolean;
}

/** Ended jobs whose retention is over, and how far the sweep has got. */
export interface ExpiredPage {
  readonly jobs: readonly { readonly gid: string; readonly lookup: string | null }[];
  /** The last job of the page, after which the next page starts; `null` when there was none. */
  readonly next: string | null;
  /** That last job was created within the retention. */
  readonly young: boolean;
}

/**
 * Keeps the jobs of the self-TM. One suite (`test/contract/job-store.contract.ts`) says what every implementation must
 * do. No caller sees SQL, or an error of a driver.
 *
 * Every time is the store's own: callers say how long from now, and the store adds its clock. Methods that take several
 * rows return the gids that they changed, so a lost lease shows as a missing gid. All of them run outside the caller's
 * transactions, except the `…In` forms.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class JobStore {
  /** Creates or upgrades the tables, or checks them when `autoMigrate` is off (`SchemaOutdatedError`). */
  abstract initialize(autoMigrate: boolean): Promise<void>;

  /** @throws InvalidOptionError for a name of a job or a step that cannot be stored here, although it is one. */
  checkNames(_name: string | null, _steps: readonly string[]): void {
    // Most stores hold every name.
  }

  /** Inserts jobs, each unless its gid is taken; returns the gids inserted. */
  abstract insert(jobs: readonly NewJob[]): Promise<Set<string>>;
  /** Inserts one job in the transaction of `runner` with one statement; false when its gid is taken. */
  abstract insertIn(runner: QueryRunnerLike, job: NewJob): Promise<boolean>;
  /** Extends leases of jobs that were inserted in the transaction of `runner`, which is still open. */
  abstract renewIn(runner: QueryRunnerLike, keys: readonly LeaseKey[], leaseDuration: number): Promise<void>;

  /**
   * The insert of a job whose gid nobody else can have, as a statement that can be sent together with the COMMIT; finding
   * the gid taken is an error. Undefined where the database takes one statement at a time.
   */
  commitStatement(_job: NewJob): Statement | undefined {
    return undefined;
  }

  /**
   * Takes the oldest due jobs that this process can run, in no order. A job whose lease has expired is marked; only an attempt
   * that is known to have begun is counted (`takenOver()`).
   */
  abstract claim(request: ClaimRequest): Promise<ClaimedJob[]>;
  /** Extends leases to `leaseDuration` ms from now. Leaves out jobs that are locked. */
  abstract renew(keys: readonly LeaseKey[], leaseDuration: number): Promise<Set<string>>;
  /** Which of these jobs still exist, unended, under these owners. Waits for no lock. */
  abstract held(keys: readonly LeaseKey[]): Promise<Set<string>>;

  /**
   * A job that the same owner has ended before may count as changed. One whose new values the database refuses is told to
   * `onRefused`, and missing from the answer.
   */
  abstract change(
    changes: readonly JobChange[],
    onRefused?: (gid: string, error: unknown) => void,
  ): Promise<Set<string>>;
  /** The same for one job in the transaction of `runner`. */
  abstract changeIn(runner: QueryRunnerLike, change: JobChange): Promise<boolean>;
  abstract changePrepared(changes: readonly PreparedChange[]): Promise<Set<string>>;

  /** Deletes a job that was inserted outside the transaction it was meant for, unless somebody has taken it. */
  abstract deleteNew(gid: string, owner: string | null): Promise<void>;

  /** The time by the clock that all times of jobs are of. */
  abstract time(): Promise<Date>;
  abstract find(gid: string): Promise<JobRecord | null>;
  /** Like `find()`, for whoever renews leases: waits for nobody's transaction. */
  findBeside(gid: string): Promise<JobRecord | null> {
    return this.find(gid);
  }
  /** Reads a job through the transaction of `runner`, which sees its own uncommitted rows. */
  abstract findIn(runner: QueryRunnerLike, gid: string): Promise<JobRecord | null>;
  /** Newest gid first. */
  abstract list(query: JobQuery): Promise<RecordPage>;
  /** `failed` → `submitted`, due now, at the failed step with no attempts and no mark; false when it was not failed. */
  abstract retry(gid: string): Promise<boolean>;
  /** `submitted` → `canceled`, also `failed` → `canceled`; false when it was neither. */
  abstract cancel(gid: string): Promise<boolean>;

  /** One page of a sweep over ended (never `failed`) jobs older than `retention` ms, in gid order. */
  abstract expired(after: string, limit: number, retention: number): Promise<ExpiredPage>;
  abstract delete(gids: readonly string[]): Promise<void>;
  /**
   * Names of steps, other than `known`, of jobs that have been due for at least `overdue` ms. Steps of which anybody holds a
   * job are left out: their jobs only have to wait for their turn.
   */
  abstract unknownSteps(known: readonly string[], overdue: number): Promise<string[]>;

  /**
   * Milliseconds until the first job is due that is prepared or at one of the steps, 0 or less when it is due already;
   * `null` when there is none.
   */
  abstract dueIn(steps: readonly string[]): Promise<number | null>;
  /** Moves all stored times back, as if `milliseconds` had passed. For tests. */
  abstract elapse(milliseconds: number): Promise<void>;
}
