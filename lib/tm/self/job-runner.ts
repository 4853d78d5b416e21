import { Logger } from '@nestjs/common';
import type { BackgroundService } from '../../core/background-service.js';
import { detached } from '../../core/detached.js';
import { swapRemove } from '../../core/swap-remove.js';
import { WaitGroup } from '../../core/wait-group.js';
import { errorText } from '../../errors/error-text.js';
import { StepInterruptedError } from '../../errors/index.js';
import type { JobCompleter } from './job-completer.js';
import type { JobRun } from './job-run.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { LeasedJob } from './leased-job.js';
import { UnsettledAttempts } from './unsettled-attempts.js';

/** How many jobs that were started here may wait for each one that may run; any process may take the others. */
const WAITING_PER_RUNNING = 8;
const MIN_WAITING = 512;

/** How long a job that has to run alone is left to other processes, when enough of them wait here. */
const LONE_PAUSE_MS = 1000;

/** How long a job is left to other processes while an earlier attempt of it is still at work here. */
const UNSETTLED_PAUSE_MS = 1000;

interface WaitingJob {
  readonly job: LeasedJob;
  /** It was claimed, not started here. */
  readonly claimed: boolean;
}

/**
 * Runs the jobs that this process holds, `concurrency` at a time; the others wait in a bounded queue. Claimed and locally
 * started jobs have separate quotas.
 *
 * A job that was at work when its process ended may have caused that. One such job runs at a time: the others would lose an
 * attempt with it. They wait in a queue of their own, so jobs that did nothing wrong do not wait behind them.
 */
export class JobRunner implements BackgroundService {
  private readonly logger = new Logger(JobRunner.name);
  private readonly queue: WaitingJob[] = [];
  private readonly lone: LeasedJob[] = [];
  private loneIsRunning = false;
  /** An array, for the reason that `LeaseTable` gives. */
  private readonly running: JobRun[] = [];
  private readonly runs = new WaitGroup();
  private reserved = 0;
  private claimsWaiting = 0;
  private claimsBegun = 0;
  private state: 'waiting' | 'running' | 'stopped' = 'waiting';
  private onClaimsBegun: { readonly left: number; readonly listener: () => void } | undefined;
  private readonly capacity: number;

  constructor(
    private readonly leases: LeaseKeeper,
    private readonly completer: JobCompleter,
    private readonly runOf: (job: LeasedJob) => JobRun,
    readonly concurrency: number,
    /** False in a process that only starts jobs. */
    private readonly runsSteps: boolean,
    private readonly unsettled = new UnsettledAttempts(),
  ) {
    this.capacity = concurrency + Math.max(MIN_WAITING, concurrency * WAITING_PER_RUNNING);
  }

  /** Whether this process takes jobs at all. */
  get takesJobs(): boolean {
    return this.runsSteps && this.state !== 'stopped';
  }

  /** How many claimed jobs wait in the queue. */
  get waitingClaims(): number {
    return this.claimsWaiting;
  }

  /** How many claimed jobs have begun, ever. */
  get begunClaims(): number {
    return this.claimsBegun;
  }

  /** Reserves a slot for a job that this process is about to start; `false` when there is none. */
  reserve(): boolean {
    const taken = this.queue.length - this.claimsWaiting + this.running.length + this.reserved;
    if (!this.takesJobs || taken >= this.capacity) return false;
    this.reserved += 1;
    return true;
  }

  cancelReservation(): void {
    this.reserved -= 1;
  }

  /** Takes a job that a slot was reserved for. */
  offer(job: LeasedJob): void {
    this.reserved -= 1;
    this.take({ job, claimed: false });
  }

  offerClaimed(job: LeasedJob): void {
    if (this.unsettled.has(job.gid)) return void this.handBack(job, UNSETTLED_PAUSE_MS);
    if (job.runsAlone) return this.takeLone(job);
    this.claimsWaiting += 1;
    this.take({ job, claimed: true });
  }

  /** Calls back once, when no more than `left` claimed jobs wait. */
  whenClaimsBegun(left: number, listener: () => void): void {
    this.onClaimsBegun = { left, listener };
    this.announceClaims();
  }

  start(): void {
    if (this.state === 'waiting') this.state = 'running';
    this.startWaiting();
  }

  /** Hands waiting jobs back, signals running steps, and waits until they have settled or their grace period is over. */
  async stop(): Promise<void> {
    this.state = 'stopped';
    for (const run of this.running) run.stop(new StepInterruptedError('shutdown'));
    await this.handBackQueue();
    await this.runs.wait();
    await this.completer.flush();
  }

  private startWaiting(): void {
    if (this.canStart) detached(() => this.startUntilFull());
  }

  private get canStart(): boolean {
    const isWaiting = this.queue.length > 0 || (this.lone.length > 0 && !this.loneIsRunning);
    return this.state === 'running' && this.running.length < this.concurrency && isWaiting;
  }

  private startUntilFull(): void {
    while (this.canStart) {
      if (this.lone.length > 0 && !this.loneIsRunning) {
        this.startLone(this.lone.shift()!);
        continue;
      }
      const { job, claimed } = this.queue.shift()!;
      if (claimed) {
        this.claimsWaiting -= 1;
        this.claimsBegun += 1;
      }
      if (!job.lease.lost) void this.runs.run(() => this.run(job));
    }
    this.announceClaims();
  }

  private startLone(job: LeasedJob): void {
    if (job.lease.lost) return;
    this.loneIsRunning = true;
    void this.runs.run(() => this.run(job, () => (this.loneIsRunning = false)));
  }

  private async run(job: LeasedJob, ended?: () => void): Promise<void> {
    const run = this.runOf(job);
    this.running.push(run);
    try {
      await run.run();
    } catch (error) {
      this.logger.error(`Running job ${job.gid} failed unexpectedly: ${errorText(error)}`);
      this.leases.drop(job.lease);
    } finally {
      swapRemove(this.running, run);
      ended?.();
      this.startWaiting();
    }
  }

  private take(waiting: WaitingJob): void {
    this.queue.push(waiting);
    if (this.state === 'stopped') void this.handBackQueue();
    else this.startWaiting();
  }

  private takeLone(job: LeasedJob): void {
    if (this.lone.length >= this.concurrency) return void this.handBack(job, LONE_PAUSE_MS);
    this.lone.push(job);
    if (this.state === 'stopped') void this.handBackQueue();
    else this.startWaiting();
  }

  private announceClaims(): void {
    if (!this.onClaimsBegun || this.claimsWaiting > this.onClaimsBegun.left) return;
    const { listener } = this.onClaimsBegun;
    this.onClaimsBegun = undefined;
    listener();
  }

  private async handBackQueue(): Promise<void> {
    this.claimsWaiting = 0;
    const waiting = this.queue.splice(0).map(({ job }) => job);
    await Promise.all([...waiting, ...this.lone.splice(0)].map((job) => this.handBack(job, 0)));
  }

  private async handBack(job: LeasedJob, delay: number): Promise<void> {
    if (job.lease.lost) return;
    if (job.unreadable === undefined) await this.completer.write(job.lease, job.handBack(delay));
    this.leases.drop(job.lease);
  }
}
