import { Logger } from '@nestjs/common';
import { detached } from '../../core/jobs/detached.js';
import { StepInterruptedError } from '../../errors/index.js';
import type { HeldJob } from './held-job.js';
import type { JobRun } from './job-run.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { ProgressWriter } from './progress-writer.js';

/** How many jobs that were started here may wait in memory for each one that may run; the others are left to any process. */
const WAITING_PER_RUNNING = 8;
const MIN_WAITING = 512;

interface Waiting {
  readonly job: HeldJob;
  /** It was claimed, not started here. */
  readonly claimed: boolean;
}

/**
 * Runs the jobs that this process holds: a bounded queue in memory, so many at a time. Jobs that were claimed have
 * places of their own there, so that neither they nor those that are started here keep the others out.
 */
export class JobRunner {
  private readonly logger = new Logger(JobRunner.name);
  private queue: Waiting[] = [];
  private head = 0;
  private readonly running = new Map<JobRun, Promise<void>>();
  private reserved = 0;
  private claimsWaiting = 0;
  private claimsBegun = 0;
  private state: 'waiting' | 'running' | 'stopped' = 'waiting';
  private onClaimsBegun: { readonly left: number; readonly listener: () => void } | undefined;
  private readonly capacity: number;

  constructor(
    private readonly leases: LeaseKeeper,
    private readonly writer: ProgressWriter,
    private readonly runOf: (job: HeldJob) => JobRun,
    readonly concurrency: number,
    /** False in a process that only starts jobs. */
    readonly runsSteps: boolean,
  ) {
    this.capacity = concurrency + Math.max(MIN_WAITING, concurrency * WAITING_PER_RUNNING);
  }

  /** Whether this process takes jobs at all. */
  get takesJobs(): boolean {
    return this.runsSteps && this.state !== 'stopped';
  }

  /** How many claimed jobs wait for their turn. */
  get waitingClaims(): number {
    return this.claimsWaiting;
  }

  /** How many claimed jobs have been begun, ever. */
  get begunClaims(): number {
    return this.claimsBegun;
  }

  /** Keeps a place for a job that is about to come from this process; `false` when there is none. */
  reserve(): boolean {
    const taken = this.waiting - this.claimsWaiting + this.running.size + this.reserved;
    if (!this.takesJobs || taken >= this.capacity) return false;
    this.reserved += 1;
    return true;
  }

  cancelReservation(): void {
    this.reserved -= 1;
  }

  /** Takes a job for which a place was reserved. */
  offer(job: HeldJob): void {
    this.reserved -= 1;
    this.take({ job, claimed: false });
  }

  /** Takes a job that was claimed. */
  offerClaimed(job: HeldJob): void {
    this.claimsWaiting += 1;
    this.take({ job, claimed: true });
  }

  /** Calls back once when no more than so many claimed jobs wait, for a claim that left jobs behind. */
  whenClaimsBegun(left: number, listener: () => void): void {
    this.onClaimsBegun = { left, listener };
    this.announceClaims();
  }

  /** Steps may run from now on. */
  start(): void {
    if (this.state === 'waiting') this.state = 'running';
    this.pump();
  }

  /**
   * Starts nothing any more, hands the jobs that wait back, gives running steps their signal, and waits until
   * they have settled or their grace is over.
   */
  async stop(): Promise<void> {
    this.state = 'stopped';
    for (const run of this.running.keys()) run.stop(new StepInterruptedError('shutdown'));
    await this.handBackQueue();
    await Promise.all(this.running.values());
    await this.writer.flush();
  }

  private get waiting(): number {
    return this.queue.length - this.head;
  }

  private pump(): void {
    if (this.canStart) detached(() => this.startWaiting());
  }

  private get canStart(): boolean {
    return this.state === 'running' && this.running.size < this.concurrency && this.waiting > 0;
  }

  private startWaiting(): void {
    while (this.canStart) {
      const { job, claimed } = this.next();
      if (claimed) {
        this.claimsWaiting -= 1;
        this.claimsBegun += 1;
      }
      if (job.lease.lost) continue;
      const run = this.runOf(job);
      this.running.set(run, this.runToEnd(job, run));
    }
    this.announceClaims();
  }

  private async runToEnd(job: HeldJob, run: JobRun): Promise<void> {
    try {
      await run.run();
    } catch (error) {
      this.logger.error(`Running job ${job.gid} failed unexpectedly: ${String(error)}`);
      this.leases.drop(job.lease);
    } finally {
      this.running.delete(run);
      this.pump();
    }
  }

  private take(waiting: Waiting): void {
    this.queue.push(waiting);
    if (this.state === 'stopped') void this.handBackQueue();
    else this.pump();
  }

  private next(): Waiting {
    const waiting = this.queue[this.head]!;
    this.head += 1;
    if (this.head > 1024 && this.head * 2 > this.queue.length) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
    return waiting;
  }

  private announceClaims(): void {
    if (!this.onClaimsBegun || this.claimsWaiting > this.onClaimsBegun.left) return;
    const { listener } = this.onClaimsBegun;
    this.onClaimsBegun = undefined;
    listener();
  }

  private async handBackQueue(): Promise<void> {
    const jobs = this.queue.slice(this.head).map(({ job }) => job);
    this.queue = [];
    this.head = 0;
    this.claimsWaiting = 0;
    await Promise.all(
      jobs.map(async (job) => {
        if (job.lease.lost) return;
        await this.writer.write(job.lease, job.handBack(0), true);
        this.leases.drop(job.lease);
      }),
    );
  }
}
