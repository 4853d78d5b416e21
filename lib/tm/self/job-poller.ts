import { LineLogger } from '../../core/line-logger.js';
import type { BackgroundService } from '../../core/background-service.js';
import { detached } from '../../core/detached.js';
import { faultPoint } from '../../core/fault-point.js';
import { SteppingEventBus } from '../../core/events/event-bus.js';
import type { RecoveryState } from '../../core/jobs/job-info.js';
import { SingleFlight } from '../../core/single-flight.js';
import { MAX_JOB_BYTES } from '../../core/jobs/distributed-job.js';
import type { ClaimedJob, JobStore } from '../../store/job-store.js';
import type { ByteBudget } from './byte-budget.js';
import { ClaimWindows } from './claim-window.js';
import type { ClaimRoom, JobRunner } from './job-runner.js';
import type { LeaseKeeper } from './lease-keeper.js';
import { LeasedJob } from './leased-job.js';
import { NotifiedClaims } from './notified-claims.js';
import type { PreparedJobs } from './prepared-jobs.js';
import { someGids } from './some-gids.js';
import { errorText } from '../../errors/error-text.js';

/** Larger statements cost more per row to parse, and hold their locks for longer. */
const LARGEST_CLAIM = 500;
/** Prepared jobs are settled even while this process has no free slots. */
const PREPARED_BATCH = 50;
/** `setTimeout` holds 32 bits. Later wake-ups are left to the interval. */
const MAX_WAKE_MS = 24 * 3600 * 1000;
/** A connection that was closed while it lay idle is found out at once: a claim that fails later was not sent on one. */
const FOUND_OUT_MS = 1000;

interface Claimed {
  readonly records: readonly ClaimedJob[];
  /** There may be more. */
  readonly full: boolean;
}

/**
 * Claims jobs that are due: delayed ones, failed attempts, jobs without a process, expired leases, and prepared jobs that were
 * never submitted.
 *
 * It claims as many as this process can begin soon, and again at once while claims are full. It survives a database that is
 * down: the outage is logged once, and the next interval tries again.
 */
export class JobPoller implements BackgroundService {
  private readonly logger = new LineLogger(JobPoller.name);
  private active = false;
  private readonly polling = new SingleFlight(() => detached(() => this.poll()));
  private again = false;
  /** Jobs have become due that no claim has followed yet. */
  private jobsDue = false;
  private wakeAt = Infinity;
  private timer: NodeJS.Timeout | undefined;
  private state: RecoveryState = { lastRunAt: null, error: null };
  /** By `performance.now()`. */
  private reachedAt: number | undefined;
  /** By `performance.now()`: of the last time that it has not reached the store. */
  private failedAt = -Infinity;
  /** The last claim has failed, and is made again before that is told. */
  private tryingAgain = false;
  private readonly windows = new ClaimWindows();
  /** The last claim that left steps out was full: there are more jobs of the others behind those. */
  private moreBehind = false;
  private readonly notifiedClaims = new NotifiedClaims();
  /** A notification has come that no claim has followed yet. */
  private notified = false;

  constructor(
    private readonly store: JobStore,
    private readonly leases: LeaseKeeper,
    private readonly runner: JobRunner,
    private readonly budget: ByteBudget,
    private readonly prepared: PreparedJobs,
    private readonly events = new SteppingEventBus(),
    /** For the log: which store it is about. */
    private readonly storeName = 'the job store',
  ) {
    runner.whenRoom(() => this.wake(0));
  }

  /** How many milliseconds ago it has last reached the store; `null` before the first time. */
  get reachedAgo(): number | null {
    return this.reachedAt === undefined ? null : performance.now() - this.reachedAt;
  }

  /** How many milliseconds ago it has last failed to reach the store. */
  get failedAgo(): number {
    return performance.now() - this.failedAt;
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

  /**
   * Polls at once, unless notifications have caused many claims in vain: anybody who can connect to the database may send
   * them. Many of them cost one claim.
   */
  wakeByNotification(): void {
    this.notified = true;
    if (!this.polling.running) this.wakeForJobs(this.notifiedClaims.pause());
  }

  /**
   * Jobs are due in `delay` milliseconds. While this process may take none, it sends no claim for them: it would claim in vain for
   * every job that it starts. The runner tells when there is room.
   */
  wakeForJobs(delay: number): void {
    if (delay > 0) this.wake(delay);
    // The claim that is under way holds a part of the room.
    else if (this.polling.running) this.jobsDue = true;
    else if (this.runner.claimRoom()) this.wake(0);
  }

  /** These steps may be claimed again: their jobs may have been due for long. */
  resume(steps: Iterable<string>): void {
    this.windows.forget(steps);
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
        this.wakeForJobs(0);
      }, delay + 1),
    );
  }

  /** Claims one due job of these steps; undefined when there is none. Prepared jobs that come first are settled. */
  async claimOne(steps: readonly string[]): Promise<LeasedJob | undefined> {
    await this.leases.afterPause();
    const { ofClaim: maxBytes, ofLargest: maxLone } = this.budget;
    for (let tries = 0; tries < PREPARED_BATCH && this.active; tries += 1) {
      const since = performance.now();
      const owner = this.leases.newOwner();
      const room = { names: steps, room: 1, complete: false, maxBytes, maxLone };
      const [record] = (await this.claim(owner, room)).records;
      if (!record) return undefined;
      if (record.status === 'submitted') {
        return LeasedJob.claimed(record, this.leases.hold({ gid: record.gid, owner }, since));
      }
      await this.prepared.settle([record]);
    }
    return undefined;
  }

  private run(): void {
    if (!this.again || !this.active || this.polling.running) return;
    void this.polling.run().then(() => this.run());
  }

  private async poll(): Promise<void> {
    while (this.again && this.active) {
      this.again = false;
      this.jobsDue = false;
      const { notified } = this;
      this.notified = false;
      const since = performance.now();
      try {
        const found = await this.claimBatch();
        if (notified) this.notifiedClaims.ended(found);
        // One that has come meanwhile may be about a job that this claim has not seen.
        if (this.notified) this.wakeForJobs(this.notifiedClaims.pause());
        if (this.jobsDue && this.runner.claimRoom()) this.again = true;
        if (this.state.error !== null) this.resumed();
        this.reachedAt = performance.now();
        this.state = { lastRunAt: new Date(), error: null };
        this.tryingAgain = false;
      } catch (error) {
        if (this.mayTryAgain(since)) {
          this.tryingAgain = this.again = true;
          this.notified ||= notified;
          continue;
        }
        this.tryingAgain = false;
        this.again = false;
        this.fail(error);
        return;
      }
    }
  }

  /**
   * Servers close connections that lie idle for long, and the pool may give one away before it knows. What such a claim has taken,
   * if anything, waits for the end of its lease, as after any other claim without an answer.
   */
  private mayTryAgain(since: number): boolean {
    if (this.tryingAgain || this.state.error !== null || this.reachedAt === undefined) return false;
    return performance.now() - since < FOUND_OUT_MS;
  }

  /** Whether there was anything to claim. */
  private async claimBatch(): Promise<boolean> {
    const { runner } = this;
    await this.leases.afterPause();
    const room = runner.claimRoom();
    const since = performance.now();
    const owner = this.leases.newOwner();
    const { records, full } = await this.claim(owner, room);
    const submitted = records.filter((record) => record.status === 'submitted');
    for (const { gid } of submitted) {
      const claimed = faultPoint('recovery:claimed', gid);
      if (claimed) await claimed;
    }
    runner.offerClaimed(
      submitted.map((record) =>
        LeasedJob.claimed(record, this.leases.hold({ gid: record.gid, owner }, since), record.dueFor),
      ),
    );
    this.logTakenOver(submitted);
    await this.prepared.settle(records.filter((record) => record.status === 'prepared'));
    if (room && !room.complete) this.moreBehind = full;
    // The runner tells when the steps that have been filled up may be claimed again.
    if (full && (!room || !fills(room, runner.claimRoom()) || this.moreBehind)) this.again = true;
    return records.length > 0;
  }

  private async claim(owner: string, room: ClaimRoom | undefined): Promise<Claimed> {
    const { names: steps = [], maxBytes = this.budget.ofClaim, maxLone } = room ?? {};
    const limit = room ? this.limitOf(room) : PREPARED_BATCH;
    const { leaseDuration } = this.leases;
    const sentAt = performance.now();
    const dueWithin = this.windows.dueWithin(steps, sentAt);
    const stillWanted = this.leases.watchForPause();
    const request = { owner, limit, leaseDuration, steps, dueWithin, maxBytes, maxLone, stillWanted };
    const records = await this.budget.claiming(() => this.store.claim(request));
    // The store may have looked at nothing, since the process has paused: its own leases have to be renewed first.
    if (!stillWanted()) return { records, full: true };
    const bytes = records.reduce((sum, record) => sum + Buffer.byteLength(record.steps), 0);
    // It may have ended at a job that did not fit any more.
    const full = records.length === limit || (records.length > 0 && bytes + MAX_JOB_BYTES > maxBytes);
    const newestAge = full ? Math.min(...records.map(({ dueFor }) => dueFor)) : undefined;
    this.windows.ended(steps, { dueWithin, sentAt, endedAt: performance.now(), newestAge });
    return { records, full };
  }

  private limitOf({ room }: ClaimRoom): number {
    return room === Infinity
      ? Math.min(LARGEST_CLAIM, this.runner.concurrency)
      : Math.min(LARGEST_CLAIM, room);
  }

  private resumed(): void {
    this.logger.log(`Recovery reaches ${this.storeName} again.`);
    this.events.emit({ event: 'recovery.resumed' });
  }

  private fail(error: unknown): void {
    if (this.state.error === null && this.active) {
      this.logger.error(`Recovery cannot reach ${this.storeName}; it keeps trying: ${errorText(error)}`);
      this.events.emit({ event: 'recovery.stopped', error });
    }
    this.failedAt = performance.now();
    this.state = { ...this.state, error };
  }

  private logTakenOver(records: readonly ClaimedJob[]): void {
    const takenOver = records.filter(({ mark }) => mark === 'takenOver' || mark === 'crashed');
    if (takenOver.length === 0) return;
    for (const { gid, stepName, mark } of takenOver) {
      this.events.emit({ event: 'job.taken-over', gid, stepName, crashed: mark === 'crashed' });
    }
    this.logger.warn(
      `Jobs are taken over, since the process that held them has lost their leases: ${someGids(takenOver)}.`,
    );
  }
}

/** Whether a claim has filled up steps, so that fewer may be claimed than before. */
function fills(before: ClaimRoom, after: ClaimRoom | undefined): boolean {
  return (after?.names.length ?? 0) < before.names.length;
}
