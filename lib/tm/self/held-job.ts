import { decodeSteps, type DecodedStep } from '../../core/jobs/step-encoding.js';
import type { JobChange, JobRecord } from './job-store.js';
import type { Lease } from './lease.js';

/** The changes of a job that leave its position and say what happens to it. */
type Change = Pick<JobChange, 'due'> & Partial<JobChange>;

/** A job that this process holds the lease of: what it needs to run, and where it stands. */
export class HeldJob {
  readonly steps: readonly DecodedStep[];

  constructor(
    readonly lease: Lease,
    readonly name: string | null,
    encodedSteps: string,
    private index = 0,
    /** Attempts of the current step that have ended without success. */
    private failedAttempts = 0,
    private log: string | null = null,
  ) {
    this.steps = decodeSteps(encodedSteps);
  }

  static of(record: JobRecord, lease: Lease): HeldJob {
    return new HeldJob(
      lease,
      record.name,
      record.steps,
      record.stepIndex,
      record.attempts,
      record.attemptLog,
    );
  }

  get gid(): string {
    return this.lease.gid;
  }

  get stepIndex(): number {
    return this.index;
  }

  get step(): DecodedStep {
    return this.steps[this.index]!;
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
    const last = next === this.steps.length;
    // A last step stays the current one, so that its name is still found.
    return this.change({
      status: last ? 'succeeded' : 'submitted',
      stepIndex: last ? this.index : next,
      stepName: this.steps[last ? this.index : next]!.name,
      attempts: last ? this.failedAttempts : 0,
      attemptLog: last || this.failedAttempts === 0 ? null : this.extendedLog(),
      due: last ? null : 'keep',
    });
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
      stepName: this.step.name,
      attempts: this.failedAttempts,
      attemptLog: null,
      error: null,
      release: false,
      ...change,
    };
  }
}
