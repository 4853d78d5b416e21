import { parseSteps, type ParsedStep } from '../../core/jobs/job-message.js';
import { readOverrides, type StoredOverrides } from '../../core/steps/step-overrides.js';
import { tenantOf } from '../../core/payloads/job-payloads.js';
import { isMarked } from '../../core/payloads/stored-forms.js';
import { UnreadableJobError } from '../../errors/index.js';
import { MAX_ATTEMPTS, type AttemptMark } from '../../store/attempt-marks.js';
import type { ClaimedJob, JobChange } from '../../store/job-store.js';
import { extendLog } from './attempt-log.js';
import { decodeLookup, originOf, type JobLookup } from './job-lookup.js';
import type { Lease } from './lease.js';

/** A change of a job that leaves its current step as it is. */
type Change = Pick<JobChange, 'due'> & Partial<JobChange>;

type JobProgress = Pick<
  ClaimedJob,
  'steps' | 'stepIndex' | 'stepName' | 'attempts' | 'mark' | 'crashes' | 'attemptLog' | 'error'
>;

/** Where a job that has just been stored is to run. */
interface FirstStep {
  readonly stepName: string;
  /** Of all that is stored of its steps. */
  readonly bytes: number;
}

const NOT_STARTED = { stepIndex: 0, attempts: 0, mark: null, crashes: null, attemptLog: null, error: null };

/** A job that this process holds the lease of: its steps and its progress. */
export class LeasedJob {
  private index: number;
  /** Attempts of the current step that have ended without success. */
  private failedAttempts: number;
  private mark: AttemptMark | null;
  private crashesInRow: number | null;
  /** Of the last attempt, as it is stored. */
  private error: string | null;
  private log: string | null;
  private readonly encoded: string;
  private parsed: readonly ParsedStep[] | undefined;
  private rowStepName: string | null;
  /** What the job's start has stored beside its steps; text until it is needed. */
  private lookup: JobLookup | string | undefined;
  /** The last step whose parsed arguments were given away, and may have been changed. */
  private given = -1;
  /** When the current step was due, by `performance.now()`. */
  private due = performance.now();

  private constructor(
    readonly lease: Lease,
    { steps, stepIndex, stepName, attempts, mark, crashes, attemptLog, error }: JobProgress,
    /** What it takes as it is stored. */
    readonly bytes: number,
    lookup: JobLookup | string | undefined,
    /** Where its start was traced. */
    readonly trace: string | undefined,
  ) {
    this.lookup = lookup;
    this.rowStepName = stepName;
    this.encoded = steps;
    this.index = stepIndex;
    this.failedAttempts = attempts;
    this.mark = mark;
    this.crashesInRow = crashes;
    this.error = error;
    this.log = attemptLog;
  }

  /** A job that this process has just stored. */
  static started(
    steps: string,
    lease: Lease,
    { stepName, bytes }: FirstStep,
    lookup?: JobLookup,
    trace?: string,
  ): LeasedJob {
    return new LeasedJob(lease, { steps, stepName, ...NOT_STARTED }, bytes, lookup, trace);
  }

  /** @param dueFor milliseconds that it had been due for when it was claimed. */
  static claimed(
    record: JobProgress & Pick<ClaimedJob, 'lookup' | 'trace'>,
    lease: Lease,
    dueFor = 0,
  ): LeasedJob {
    const { steps, lookup, trace } = record;
    const job = new LeasedJob(
      lease,
      record,
      Buffer.byteLength(steps),
      lookup ?? undefined,
      trace ?? undefined,
    );
    job.due -= dueFor;
    return job;
  }

  get gid(): string {
    return this.lease.gid;
  }

  /** Why its row cannot be read; undefined where it can. */
  get unreadable(): unknown {
    try {
      if (this.lookup !== undefined) this.decodeLookup(this.lookup);
      const step = this.steps[this.index];
      if (!step) return new UnreadableJobError(`it has no step ${this.index}`);
      readOverrides(step.overrides);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** The gid of its barrier rows; undefined where it is its own. */
  get barrierGid(): string | undefined {
    return this.lookup === undefined ? undefined : this.decodeLookup(this.lookup).barrierGid;
  }

  /** The tenant of a job whose gid is the caller's own. */
  get tenant(): string | undefined {
    return this.barrierGid === undefined ? undefined : originOf(this.decodeLookup(this.lookup!))?.tenant;
  }

  /** The store of a job whose gid is the caller's own, where there are several. */
  get store(): string | undefined {
    return this.lookup === undefined ? undefined : this.decodeLookup(this.lookup).store;
  }

  /** When the current step could begin, by `performance.now()`. */
  get dueAt(): number {
    return this.due;
  }

  get stepIndex(): number {
    return this.index;
  }

  /** The name of the current step as the row tells it: the steps are parsed when the job's turn comes. */
  get queueName(): string {
    return this.rowStepName ?? '';
  }

  get stepName(): string {
    return this.steps[this.index]!.step;
  }

  /** How often the current step was given new arguments; undefined for never. */
  get edits(): number | undefined {
    return this.steps[this.index]!.edits;
  }

  /** What the job wants of the current step otherwise. */
  get overrides(): StoredOverrides | undefined {
    return this.steps[this.index]!.overrides;
  }

  /** The step after the current one, as it is stored. */
  get nextStep(): ParsedStep | undefined {
    return this.steps[this.index + 1];
  }

  /** Whether the arguments of the current step are stored in another form than their own. */
  get hasMarkedArgs(): boolean {
    return isMarked(this.steps[this.index]!.args);
  }

  /** The tenant that the job was started for, as far as its arguments tell. */
  get payloadTenant(): string | undefined {
    return tenantOf(this.steps);
  }

  /** The parsed arguments of the current step as they are stored, a new copy for each caller. */
  readArgs(): unknown {
    const isFresh = this.index > this.given;
    this.given = this.index;
    return (isFresh ? this.steps : parseSteps(this.encoded))[this.index]!.args;
  }

  /** The number of the attempt that runs, or would run, now. */
  get attempt(): number {
    return this.failedAttempts + 1;
  }

  get failed(): number {
    return this.failedAttempts;
  }

  /** The last attempt has ended with its process, or in doubt, and nothing has been done about that yet. */
  get crashed(): boolean {
    return this.mark === 'crashed';
  }

  /** How many attempts in a row are known to have ended with their process. */
  get crashes(): number {
    return this.crashesInRow ?? 0;
  }

  /** An attempt has ended with its process, and may have brought it down. */
  get runsAlone(): boolean {
    return this.crashes > 0 && !this.crashed;
  }

  /** Whether it is stored that the attempt has begun. */
  get begun(): boolean {
    return this.mark === 'begun';
  }

  /** The job was interrupted before, so that its attempts are counted when they begin. */
  get marked(): boolean {
    return this.mark !== null;
  }

  /** An attempt of the current step begins. */
  begin(): JobChange {
    this.mark = 'begun';
    return this.change({ due: 'keep', error: this.error });
  }

  /**
   * The current step has succeeded: the next one becomes current, or the job ends.
   *
   * @param begins whether the next step begins with that, which saves a statement.
   */
  completed(begins = false): JobChange {
    const stepName = this.nextStep?.step;
    // The last step stays current, so that its name can still be searched for.
    if (stepName === undefined) {
      return this.change({ mark: null, crashes: null, status: 'succeeded', due: null });
    }
    const attemptLog = this.failedAttempts === 0 ? null : this.extendedLog();
    return this.change({
      stepIndex: this.index + 1,
      stepName,
      attempts: 0,
      mark: begins ? 'begun' : null,
      crashes: null,
      attemptLog,
      due: 'keep',
    });
  }

  /** The attempt that was counted last has not failed after all. */
  lastHasSucceeded(): void {
    this.failedAttempts = Math.max(0, this.failedAttempts - 1);
  }

  /** An attempt has failed, and the next one is due later. */
  retryLater(delay: number, error: string, errorName: string | null = null): JobChange {
    const attempts = Math.min(this.attempt, MAX_ATTEMPTS);
    return { ...this.change({ ...this.released(), attempts, crashes: null, error, due: delay }), errorName };
  }

  /** Whether the last attempt has not succeeded after all is asked when the job is claimed next. */
  askLater(attempts: number, delay: number, error: string): JobChange {
    return this.change({ release: true, mark: 'crashed', attempts, error, due: delay });
  }

  failedForGood(attempts: number, error: string, errorName: string | null = null): JobChange {
    return {
      ...this.change({ ...this.released(), status: 'failed', attempts, error, due: null }),
      errorName,
    };
  }

  /** Lets any process take the job, without counting an attempt; one that had begun is taken back. */
  handBack(delay: number, error = this.error): JobChange {
    return this.change({ ...this.released(), stepName: this.queueName, error, due: delay });
  }

  /** Moves on to the next step, after its `completed()` was stored. */
  advance({ mark, stepName }: JobChange): void {
    if (this.failedAttempts > 0) this.log = this.extendedLog();
    this.index += 1;
    this.rowStepName = stepName;
    this.failedAttempts = 0;
    this.mark = mark;
    this.crashesInRow = null;
    this.error = null;
    this.due = performance.now();
  }

  /** Parsed when the job's turn comes, since many may wait. */
  private get steps(): readonly ParsedStep[] {
    return (this.parsed ??= parseSteps(this.encoded));
  }

  private decodeLookup(lookup: JobLookup | string): JobLookup {
    return typeof lookup === 'string' ? (this.lookup = decodeLookup(lookup)) : lookup;
  }

  private released(): Pick<JobChange, 'release' | 'mark'> {
    return { release: true, mark: this.marked ? 'released' : null };
  }

  private extendedLog(): string {
    return extendLog(this.log, this.index, { attempts: this.attempt, skipped: false });
  }

  /** Written out: with a spread, this took a tenth of all work on a job. */
  private change(change: Change): JobChange {
    const {
      status = 'submitted',
      stepIndex = this.index,
      stepName = this.stepName,
      attempts = this.failedAttempts,
      mark = this.mark,
      crashes = this.crashesInRow,
      attemptLog = null,
      error = null,
      release = false,
      due,
    } = change;
    return {
      gid: this.gid,
      owner: this.lease.owner,
      atStep: this.index,
      status,
      stepIndex,
      stepName,
      attempts,
      mark,
      crashes,
      attemptLog,
      error,
      release,
      due,
    };
  }
}
