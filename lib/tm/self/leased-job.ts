import { parseSteps, type ParsedStep } from '../../core/jobs/job-message.js';
import { UnreadableJobError } from '../../errors/index.js';
import type { ClaimedJob, JobChange } from '../../store/job-store.js';
import type { Lease } from './lease.js';

/** A change of a job that leaves its current step as it is. */
type Change = Pick<JobChange, 'due'> & Partial<JobChange>;

type JobProgress = Pick<ClaimedJob, 'steps' | 'stepIndex' | 'attempts' | 'attemptLog'>;

/** What the column holds everywhere. */
const MAX_LOG_LENGTH = 60_000;

const NOT_STARTED = { stepIndex: 0, attempts: 0, attemptLog: null };

/** A job that this process holds the lease of: its steps and its progress. */
export class LeasedJob {
  private index: number;
  /** Attempts of the current step that have ended without success. */
  private failedAttempts: number;
  private log: string | null;
  private readonly encoded: string;
  private parsed: readonly ParsedStep[] | undefined;
  /** The last step whose parsed arguments were given away, and may have been changed. */
  private given = -1;

  private constructor(
    readonly lease: Lease,
    { steps, stepIndex, attempts, attemptLog }: JobProgress,
  ) {
    this.encoded = steps;
    this.index = stepIndex;
    this.failedAttempts = attempts;
    this.log = attemptLog;
  }

  /** A job that this process has just stored. */
  static started(steps: string, lease: Lease): LeasedJob {
    return new LeasedJob(lease, { steps, ...NOT_STARTED });
  }

  static claimed(record: JobProgress, lease: Lease): LeasedJob {
    return new LeasedJob(lease, record);
  }

  get gid(): string {
    return this.lease.gid;
  }

  /** Why its row cannot be read; undefined where it can. */
  get unreadable(): unknown {
    try {
      if (this.index < this.steps.length) return undefined;
      return new UnreadableJobError(`it has no step ${this.index}`);
    } catch (error) {
      return error;
    }
  }

  get stepIndex(): number {
    return this.index;
  }

  get stepName(): string {
    return this.steps[this.index]!.step;
  }

  /** The parsed arguments of the current step, a new copy for each caller. */
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

  /** The current step has succeeded: the next one becomes current, or the job ends. */
  completed(): JobChange {
    const next = this.index + 1;
    // The last step stays current, so that its name can still be searched for.
    if (next === this.steps.length) return this.change({ status: 'succeeded', due: null });
    const { step: stepName } = this.steps[next]!;
    const attemptLog = this.failedAttempts === 0 ? null : this.extendedLog();
    return this.change({ stepIndex: next, stepName, attempts: 0, attemptLog, due: 'keep' });
  }

  /** An attempt has failed, and the next one is due later. */
  retryLater(delay: number, error: string): JobChange {
    return this.change({ attempts: this.attempt, error, due: delay, release: true });
  }

  failedForGood(attempts: number, error: string): JobChange {
    return this.change({ status: 'failed', attempts, error, due: null, release: true });
  }

  /** Lets any process take the job, without counting an attempt. */
  handBack(delay: number, error: string | null = null, stepName?: string): JobChange {
    return this.change({ error, due: delay, release: true }, stepName);
  }

  /** Moves on to the next step, after `completed()` was stored. */
  advance(): void {
    if (this.failedAttempts > 0) this.log = this.extendedLog();
    this.index += 1;
    this.failedAttempts = 0;
  }

  /** Parsed when the job's turn comes, since many may wait. */
  private get steps(): readonly ParsedStep[] {
    return (this.parsed ??= parseSteps(this.encoded));
  }

  private extendedLog(): string {
    const entry = `${this.index}:${this.attempt}`;
    if (!this.log) return entry;
    const log = `${this.log},${entry}`;
    // The oldest go first.
    return log.length <= MAX_LOG_LENGTH ? log : log.slice(log.indexOf(',', log.length - MAX_LOG_LENGTH) + 1);
  }

  private change(change: Change, stepName = this.stepName): JobChange {
    return {
      gid: this.gid,
      owner: this.lease.owner,
      atStep: this.index,
      status: 'submitted',
      stepIndex: this.index,
      stepName,
      attempts: this.failedAttempts,
      attemptLog: null,
      error: null,
      release: false,
      ...change,
    };
  }
}
