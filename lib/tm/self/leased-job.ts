import type { JobMessage } from '../../core/jobs/job-message.js';
import { StartedSteps, StoredSteps, type LeasedSteps } from './leased-steps.js';
import type { ClaimedJob, JobChange } from '../../store/job-store.js';
import type { Lease } from './lease.js';

/** The changes of a job that leave its position and say what happens to it. */
type Change = Pick<JobChange, 'due'> & Partial<JobChange>;

type HeldRecord = Pick<ClaimedJob, 'steps' | 'stepIndex' | 'attempts' | 'attemptLog'>;

/** A job that this process holds the lease of: what it needs to run, and where it stands. */
export class LeasedJob {
  private constructor(
    readonly lease: Lease,
    private readonly steps: LeasedSteps,
    private index = 0,
    /** Attempts of the current step that have ended without success. */
    private failedAttempts = 0,
    private log: string | null = null,
  ) {}

  /** A job that this process has just stored. */
  static started({ steps }: JobMessage, lease: Lease): LeasedJob {
    return new LeasedJob(lease, new StartedSteps(steps));
  }

  /** A job as it was claimed. */
  static of({ steps, stepIndex, attempts, attemptLog }: HeldRecord, lease: Lease): LeasedJob {
    return new LeasedJob(lease, new StoredSteps(steps), stepIndex, attempts, attemptLog);
  }

  get gid(): string {
    return this.lease.gid;
  }

  get stepIndex(): number {
    return this.index;
  }

  get stepName(): string {
    return this.steps.nameOf(this.index);
  }

  /** The arguments of the current step, parsed: a copy of its own for each caller. */
  readArgs(): unknown {
    return this.steps.readArgs(this.index);
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
    const last = next === this.steps.count;
    return {
      gid: this.gid,
      owner: this.lease.owner,
      atStep: this.index,
      status: last ? 'succeeded' : 'submitted',
      // A last step stays the current one, so that its name is still found.
      stepIndex: last ? this.index : next,
      stepName: this.steps.nameOf(last ? this.index : next),
      attempts: last ? this.failedAttempts : 0,
      attemptLog: last || this.failedAttempts === 0 ? null : this.extendedLog(),
      error: null,
      due: last ? null : 'keep',
      release: false,
    };
  }

  /** An attempt has failed, and the next one is due later. */
  retryLater(delay: number, error: string): JobChange {
    return this.change({ attempts: this.attempt, error, due: delay, release: true });
  }

  failedForGood(attempts: number, error: string): JobChange {
    return this.change({ status: 'failed', attempts, error, due: null, release: true });
  }

  /** Hands the job to any process, without counting an attempt. */
  handBack(delay: number, error: string | null = null): JobChange {
    return this.change({ error, due: delay, release: true });
  }

  /** Follows a stored `completed()`. */
  advance(): void {
    if (this.failedAttempts > 0) this.log = this.extendedLog();
    this.index += 1;
    this.failedAttempts = 0;
  }

  private extendedLog(): string {
    const entry = `${this.index}:${this.attempt}`;
    return this.log ? `${this.log},${entry}` : entry;
  }

  private change(change: Change): JobChange {
    return {
      gid: this.gid,
      owner: this.lease.owner,
      atStep: this.index,
      status: 'submitted',
      stepIndex: this.index,
      stepName: this.stepName,
      attempts: this.failedAttempts,
      attemptLog: null,
      error: null,
      release: false,
      ...change,
    };
  }
}
