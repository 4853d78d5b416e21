import type { FaultPoint } from '../core/fault-point.js';
import type { AttemptReport, TestProcess } from './test-process.js';
import { describeJob } from './job-expectation.js';
import { DrainLimitError } from './testing.errors.js';
import type { TestingTransactionManager } from './testing.transaction-manager.js';

/**
 * Settings of `drain()` and `advance()`.
 *
 * @publicApi
 */
export interface DrainOptions {
  /** How many attempts may be made before it is an error that there are more. Default: 1,000. */
  readonly limit?: number;
}

/**
 * What `drain()` or `advance()` did.
 *
 * @publicApi
 */
export interface DrainResult {
  /** The attempts, in the order in which they began. */
  readonly ran: readonly AttemptReport[];
  /** Where the process died, as `crashAt()` had asked for; null when it lives. */
  readonly crashedAt: FaultPoint | null;
}

const OPEN_JOBS = 10;
/** A job that is due and cannot be had (somebody has locked it) is tried so often while time passes. */
const TRIES = 100;

/** One call of `drain()` or `advance()`: runs what is due, one job after the other, the longest due first. */
export class Drain {
  private readonly from: number;
  private runs = 0;

  constructor(
    private readonly manager: TestingTransactionManager,
    private readonly process: TestProcess,
    private readonly limit: number,
  ) {
    this.from = process.reports.length;
  }

  get result(): DrainResult {
    return {
      ran: this.process.reports.slice(this.from),
      crashedAt: this.process.severed?.point ?? null,
    };
  }

  async run(): Promise<void> {
    for (;;) {
      await this.manager.settled();
      if (this.process.severed) return;
      if (this.isAtLimit && ((await this.dueIn()) ?? 1) <= 0) throw await this.limitError();
      if (!(await this.process.runNext())) return;
      this.runs += 1;
    }
  }

  /** Lets time pass from one due date to the next, as a clock does. */
  async advance(milliseconds: number): Promise<void> {
    const store = await this.manager.store();
    await this.run();
    for (let left = milliseconds; left > 0 && !this.process.severed;) {
      const dueIn = (await this.dueIn()) ?? left;
      const passing = Math.min(left, Math.ceil(dueIn > 0 ? dueIn : milliseconds / TRIES));
      await store.elapse(passing);
      await this.process.runtime.stepSteering.elapse(passing);
      left -= passing;
      await this.run();
    }
    if (!this.process.severed) await this.process.runtime.retention.run();
  }

  private get isAtLimit(): boolean {
    return Math.max(this.runs, this.process.reports.length - this.from) >= this.limit;
  }

  private async dueIn(): Promise<number | null> {
    const { controls } = this.process.runtime.stepSteering;
    const steps = this.manager.registry.names().filter((name) => !controls.isPaused(name));
    return (await this.manager.store()).dueIn(steps);
  }

  private async limitError(): Promise<DrainLimitError> {
    const store = await this.manager.store();
    const open = await store.list({ status: ['submitted', 'prepared'], limit: OPEN_JOBS });
    return new DrainLimitError(this.limit, (await this.manager.readable(open.jobs)).map(describeJob));
  }
}
