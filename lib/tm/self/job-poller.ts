import { Logger } from '@nestjs/common';
import type { BackgroundService } from '../../core/background-service.js';
import { detached } from '../../core/detached.js';
import { faultPoint } from '../../core/fault-point.js';
import type { RecoveryState } from '../../core/jobs/job-info.js';
import { SingleFlight } from '../../core/single-flight.js';
import type { StepRegistry } from '../../core/steps/step.registry.js';
import type { ClaimedJob, JobStore } from '../../store/job-store.js';
import { ClaimSize } from './claim-size.js';
import { ClaimWindow } from './claim-window.js';
import type { JobRunner } from './job-runner.js';
import type { LeaseKeeper } from './lease-keeper.js';
import { LeasedJob } from './leased-job.js';
import type { PreparedJobs } from './prepared-jobs.js';
import { errorText } from '../../errors/error-text.js';

/** Prepared jobs are settled even while this process has no free slots. */
const PREPARED_BATCH = 50;
/** How many jobs one line of the log names. */
const LOGGED_GIDS = 5;
/** `setTimeout` holds 32 bits. Later wake-ups are left to the interval. */
const MAX_WAKE_MS = 24 * 3600 * 1000;

/**
 * Claims jobs that are due: delayed ones, failed attempts, jobs without a process, expired leases, and prepared jobs that were
 * never submitted.
 *
 * It claims as many as this process has room for, and again at once while claims are full. It survives a database that is
 * down: the outage is logged once, and the next interval tries again.
 */
export class JobPoller implements BackgroundService {
  private readonly logger = new Logger(JobPoller.name);
  private active = false;
  private readonly polling = new SingleFlight(() => detached(() => this.poll()));
  private again = false;
  private wakeAt = Infinity;
  private timer: NodeJS.Timeout | undefined;
  private state: RecoveryState = { lastRunAt: null, error: null };
  private readonly claimSize: ClaimSize;
  private readonly window = new ClaimWindow();
  /** Of claims of prepared jobs only. */
  private readonly preparedWindow = new ClaimWindow();

  constructor(
    private readonly store: JobStore,
    private readonly leases: LeaseKeeper,
    private readonly runner: JobRunner,
    private readonly registry: StepRegistry,
    private readonly prepared: PreparedJobs,
  ) {
    this.claimSize = new ClaimSize(runner.concurrency);
  }

  get recoveryState(): RecoveryState {
    return this.state;
  }

  start(): void {
    this.active = true;
    this.wake(0);
  }

  async stop(): Promise<void> {
    this.active = false;
    clearTimeout(this.timer);
    await this.polling.landed();
  }

  tick(): void {
    this.wake(0);
  }

  /** Polls in `delay` milliseconds at the latest. */
  wake(delay: number): void {
    if (!this.active) return;
    if (delay <= 0) {
      this.again = true;
      this.run();
      return;
    }
    const at = performance.now() + delay;
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

  private run(): void {
    if (!this.again || !this.active || this.polling.running) return;
    void this.polling.run().then(() => this.run());
  }

  private async poll(): Promise<void> {
    while (this.again && this.active) {
      this.again = false;
      try {
        await this.claimBatch();
        if (this.state.error !== null) this.logger.log('Recovery reaches the job store again.');
        this.state = { lastRunAt: new Date(), error: null };
      } catch (error) {
        this.again = false;
        this.fail(error);
        return;
      }
      if (this.again && this.runner.takesJobs && !this.hasRoom) {
        this.again = false;
        this.runner.whenClaimsBegun(this.claimSize.threshold, () => this.wake(0));
      }
    }
  }

  private get hasRoom(): boolean {
    return this.runner.waitingClaims <= this.claimSize.threshold;
  }

  private async claimBatch(): Promise<void> {
    const { claimSize, runner } = this;
    await this.leases.afterPause();
    const takesSteps = runner.takesJobs && this.hasRoom;
    const limit = takesSteps ? claimSize.current : PREPARED_BATCH;
    const since = performance.now();
    const owner = this.leases.newOwner();
    const records = takesSteps
      ? await this.claim(owner, limit, this.registry.names(), this.window)
      : await this.claim(owner, limit, [], this.preparedWindow);
    const submitted = records.filter((record) => record.status === 'submitted');
    for (const record of submitted) {
      await faultPoint('recovery:claimed', record.gid);
      const lease = this.leases.hold({ gid: record.gid, owner }, since);
      runner.offerClaimed(LeasedJob.claimed(record, lease));
    }
    this.logTakenOver(submitted);
    await this.prepared.resolve(records.filter((record) => record.status === 'prepared'));
    if (records.length < limit) return;
    if (takesSteps) claimSize.adapt(runner.begunClaims);
    this.again = true;
  }

  private async claim(
    owner: string,
    limit: number,
    steps: readonly string[],
    window: ClaimWindow,
  ): Promise<readonly ClaimedJob[]> {
    const { leaseDuration } = this.leases;
    const sentAt = performance.now();
    const dueWithin = window.dueWithin(sentAt);
    const records = await this.store.claim({ owner, limit, leaseDuration, steps, dueWithin });
    const newestAge = records.length === limit ? Math.min(...records.map(({ dueFor }) => dueFor)) : undefined;
    window.ended({ dueWithin, sentAt, endedAt: performance.now(), newestAge });
    return records;
  }

  private fail(error: unknown): void {
    if (this.state.error === null && this.active) {
      this.logger.error(`Recovery cannot reach the job store; it keeps trying: ${errorText(error)}`);
    }
    this.state = { ...this.state, error };
  }

  private logTakenOver(records: readonly ClaimedJob[]): void {
    const takenOver = records.filter(({ mark }) => mark === 'takenOver' || mark === 'crashed');
    if (takenOver.length === 0) return;
    const some = takenOver.slice(0, LOGGED_GIDS).map((record) => record.gid);
    const more = takenOver.length > some.length ? ` and ${takenOver.length - some.length} more` : '';
    this.logger.warn(
      `Jobs are taken over, since the process that held them has lost their leases: ${some.join(', ')}${more}.`,
    );
  }
}
