import { Logger } from '@nestjs/common';
import { detached } from '../../core/detached.js';
import { faultPoint } from '../../core/fault-point.js';
import type { RecoveryState } from '../../core/jobs/distributed-jobs.js';
import type { StepRegistry } from '../../core/steps/step.registry.js';
import { ClaimHorizon } from './claim-horizon.js';
import { ClaimPace } from './claim-pace.js';
import { LeasedJob } from './leased-job.js';
import type { JobRunner } from './job-runner.js';
import type { ClaimedJob, JobStore } from '../../store/job-store.js';
import type { Wakeable } from './job-waker.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { PreparedJobs } from './prepared-jobs.js';

/** What one run of the recovery did. */
export interface RecoverySummary {
  /** Jobs taken to run their steps. */
  readonly claimed: number;
  /** Jobs whose transaction was asked for: submitted, rolled back, or to be asked again. */
  readonly queried: number;
}

/** Prepared jobs are settled even while this process has no room for steps. */
const QUERY_BATCH = 50;
/** How many jobs one line of the log names. */
const REPORTED_GIDS = 5;
/** `setTimeout` holds 32 bits; a day is far below that and far above any interval. */
const MAX_WAKE_MS = 24 * 3600 * 1000;

/**
 * Takes over jobs that are due: delayed ones, failed attempts, jobs without a process, expired leases, and
 * prepared jobs whose end nobody has told.
 *
 * A run claims what this process has room for and goes on at once while batches come back full. Nothing
 * stops it: a database that is down is reported once, and the next run tries again.
 */
export class JobPoller implements Wakeable {
  private readonly logger = new Logger(JobPoller.name);
  private active = false;
  private current: Promise<void> | undefined;
  private again = false;
  private wakeAt = Infinity;
  private timer: NodeJS.Timeout | undefined;
  private state: RecoveryState = { lastRunAt: null, error: null };
  private readonly pace: ClaimPace;
  private readonly horizon = new ClaimHorizon();
  /** Of claims that take prepared jobs only. */
  private readonly queryHorizon = new ClaimHorizon();

  constructor(
    private readonly store: JobStore,
    private readonly leases: LeaseKeeper,
    private readonly runner: JobRunner,
    private readonly registry: StepRegistry,
    private readonly prepared: PreparedJobs,
  ) {
    this.pace = new ClaimPace(runner.concurrency);
  }

  get lastRun(): RecoveryState {
    return this.state;
  }

  start(): void {
    this.active = true;
    this.wake(0);
  }

  /** Claims nothing any more; resolves when the run under way is over. */
  async stop(): Promise<void> {
    this.active = false;
    clearTimeout(this.timer);
    await this.current;
  }

  /** Runs the recovery now, or in so many milliseconds if nothing is to happen before. */
  wake(delay: number): void {
    if (!this.active) return;
    if (delay <= 0) {
      this.again = true;
      this.run();
      return;
    }
    const at = performance.now() + delay;
    // Longer waits are the interval's.
    if (delay > MAX_WAKE_MS || at >= this.wakeAt) return;
    this.wakeAt = at;
    clearTimeout(this.timer);
    this.timer = detached(() =>
      setTimeout(() => {
        this.wakeAt = Infinity;
        this.wake(0);
      }, delay + 1),
    );
  }

  /** One run: claims a batch and hands it on. The service calls it by itself. */
  async runOnce(): Promise<RecoverySummary> {
    const { pace, runner } = this;
    const takesSteps = runner.takesJobs && runner.waitingClaims <= pace.due;
    const limit = takesSteps ? pace.size : QUERY_BATCH;
    const since = performance.now();
    const owner = this.leases.newOwner();
    const records = takesSteps
      ? await this.claim(owner, limit, this.registry.names(), this.horizon)
      : await this.claim(owner, limit, [], this.queryHorizon);
    const submitted = records.filter((record) => record.status === 'submitted');
    const prepared = records.filter((record) => record.status === 'prepared');
    for (const record of submitted) {
      const claimed = faultPoint('recovery:claimed', record.gid);
      if (claimed) await claimed;
      const lease = this.leases.hold({ gid: record.gid, owner }, since);
      runner.offerClaimed(LeasedJob.of(record, lease));
    }
    this.report(submitted);
    await this.prepared.resolve(prepared);
    if (records.length === limit) {
      if (takesSteps) pace.full(runner.begunClaims);
      this.again = true;
    }
    return { claimed: submitted.length, queried: prepared.length };
  }

  private async claim(
    owner: string,
    limit: number,
    steps: readonly string[],
    horizon: ClaimHorizon,
  ): Promise<readonly ClaimedJob[]> {
    const { leaseDuration } = this.leases;
    const sentAt = performance.now();
    const dueWithin = horizon.dueWithin(sentAt);
    const records = await this.store.claim({ owner, limit, leaseDuration, steps, dueWithin });
    const isFull = records.length === limit;
    const lastDueFor = isFull ? Math.min(...records.map(({ dueFor }) => dueFor)) : undefined;
    horizon.ended({ dueWithin, sentAt, endedAt: performance.now(), lastDueFor });
    return records;
  }

  private run(): void {
    this.current ??= detached(() => this.loop()).finally(() => {
      this.current = undefined;
      // Somebody may have woken it between its last look and its end.
      if (this.again && this.active) this.run();
    });
  }

  private async loop(): Promise<void> {
    while (this.again && this.active) {
      this.again = false;
      try {
        await this.runOnce();
        if (this.state.error !== null) this.logger.log('Recovery reaches the job store again.');
        this.state = { lastRunAt: new Date(), error: null };
      } catch (error) {
        this.again = false;
        this.fail(error);
        return;
      }
      const { pace, runner } = this;
      if (this.again && runner.takesJobs && runner.waitingClaims > pace.due) {
        this.again = false;
        runner.whenClaimsBegun(pace.due, () => this.wake(0));
      }
    }
  }

  private fail(error: unknown): void {
    if (this.state.error === null && this.active) {
      this.logger.error(`Recovery cannot reach the job store; it goes on trying: ${String(error)}`);
    }
    this.state = { ...this.state, error };
  }

  private report(records: readonly ClaimedJob[]): void {
    const takenOver = records.filter((record) => record.attempts > 0 && record.error === null);
    if (takenOver.length === 0) return;
    const some = takenOver.slice(0, REPORTED_GIDS).map((record) => record.gid);
    const more = takenOver.length > some.length ? ` and ${takenOver.length - some.length} more` : '';
    this.logger.warn(
      `Jobs are taken over, since the process that held them has lost their leases: ${some.join(', ')}${more}.`,
    );
  }
}
