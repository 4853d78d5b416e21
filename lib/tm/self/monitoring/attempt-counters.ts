import { BINS, binOf } from '../../../core/operations/histogram.js';
import type { Counts } from '../../../store/fleet/fleet-store.js';

const SUCCEEDED = 0;
const FAILED = 1;
const GAVE_UP = 2;
const JOBS_SUCCEEDED = 3;
const RUN_MS = 4;
const WAIT_MS = 5;
const RUN_BINS = 6;
const WAIT_BINS = RUN_BINS + BINS;
const SIZE = WAIT_BINS + BINS;

/** What a process has counted of one step since it started, or a difference of that. */
export class StepCounts implements Counts {
  private constructor(private readonly values: Float64Array) {}

  static none(): StepCounts {
    return new StepCounts(new Float64Array(SIZE));
  }

  attempt(outcome: typeof SUCCEEDED | typeof FAILED, runMs: number, waitMs: number): void {
    const { values } = this;
    values[outcome]! += 1;
    values[RUN_MS]! += runMs;
    values[WAIT_MS]! += waitMs;
    values[RUN_BINS + binOf(runMs)]! += 1;
    values[WAIT_BINS + binOf(waitMs)]! += 1;
  }

  jobSucceeded(): void {
    this.values[JOBS_SUCCEEDED]! += 1;
  }

  jobFailed(): void {
    this.values[GAVE_UP]! += 1;
  }

  get succeeded(): number {
    return this.values[SUCCEEDED]!;
  }

  get failed(): number {
    return this.values[FAILED]!;
  }

  get gaveUp(): number {
    return this.values[GAVE_UP]!;
  }

  get jobsSucceeded(): number {
    return this.values[JOBS_SUCCEEDED]!;
  }

  get runMs(): number {
    return this.values[RUN_MS]!;
  }

  get waitMs(): number {
    return this.values[WAIT_MS]!;
  }

  get runBins(): Float64Array {
    return this.values.subarray(RUN_BINS, WAIT_BINS);
  }

  get waitBins(): Float64Array {
    return this.values.subarray(WAIT_BINS);
  }

  get attempts(): number {
    return this.succeeded + this.failed;
  }

  copy(): StepCounts {
    return new StepCounts(this.values.slice());
  }

  plus(other: StepCounts): StepCounts {
    return new StepCounts(this.values.map((value, at) => value + other.values[at]!));
  }

  /** What has been counted since `before`. */
  since(before: StepCounts | undefined): StepCounts {
    return before ? new StepCounts(this.values.map((value, at) => value - before.values[at]!)) : this.copy();
  }
}

/**
 * Counts the attempts of this process in memory, for each step. An attempt costs a look into a map and a few additions: nothing is
 * sent, or made, for it.
 */
export class AttemptCounters {
  private readonly steps = new Map<string, StepCounts>();
  /** Jobs that were started here. */
  started = 0;
  /** Jobs that were canceled here. */
  canceled = 0;

  /** All together. */
  static sum(all: readonly AttemptCounters[]): AttemptCounters {
    const total = new AttemptCounters();
    for (const { started, canceled, steps } of all) {
      total.started += started;
      total.canceled += canceled;
      for (const [step, counts] of steps)
        total.steps.set(step, total.steps.get(step)?.plus(counts) ?? counts);
    }
    return total;
  }

  succeeded(step: string, runMs: number, waitMs: number, endsJob: boolean): void {
    const counts = this.of(step);
    counts.attempt(SUCCEEDED, runMs, waitMs);
    if (endsJob) counts.jobSucceeded();
  }

  failed(step: string, runMs: number, waitMs: number, endsJob: boolean): void {
    const counts = this.of(step);
    counts.attempt(FAILED, runMs, waitMs);
    if (endsJob) counts.jobFailed();
  }

  /** By the name of the step; only what this process provides is counted, so there are not many. */
  get all(): ReadonlyMap<string, StepCounts> {
    return this.steps;
  }

  private of(step: string): StepCounts {
    let counts = this.steps.get(step);
    if (!counts) this.steps.set(step, (counts = StepCounts.none()));
    return counts;
  }
}
