import { Logger } from '@nestjs/common';
import { detached } from '../../core/detached.js';
import { StepInterruptedError } from '../../errors/index.js';
import type { LeasedJob } from './leased-job.js';
import { JobQueue, type WaitingJob } from './job-queue.js';
import type { JobRun } from './job-run.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { JobCompleter } from './job-completer.js';

/** How many jobs that were started here may wait in memory for each one that may run; the others are left to any process. */
const WAITING_PER_RUNNING = 8;
const MIN_WAITING = 512;

const NOT_BEGUN = Promise.resolve();

/**
 * A job at work. In an array, not in a Map or Set: V8 links each hash table that they outgrow to the next one, and once such
 * a table is old, all jobs of later ones outlive the collections of new objects.
 */
interface Running {
  readonly run: JobRun;
  ended: Promise<void>;
}

/**
 * Runs the jobs that this process holds: a bounded queue in memory, so many at a time. Jobs that were claimed have
 * places of their own there, so that neither they nor those that are started here keep the others out.
 */
export class JobRunner {
  private readonly logger = new Logger(JobRunner.name);
  private readonly queue = new JobQueue();
  private readonly running: Running[] = [];
  private reserved = 0;
  private claimsWaiting = 0;
  private claimsBegun = 0;
  private state: 'waiting' | 'running' | 'stopped' = 'waiting';
  private onClaimsBegun: { readonly left: number; readonly listener: () => void } | undefined;
  private readonly capacity: number;

  constructor(
    private readonly leases: LeaseKeeper,
    private readonly writer: JobCompleter,
    private readonly runOf: (job: LeasedJob) => JobRun,
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
    const taken = this.queue.length - this.claimsWaiting + this.running.length + this.reserved;
    if (!this.takesJobs || taken >= this.capacity) return false;
    this.reserved += 1;
    return true;
  }

  cancelReservation(): void {
    this.reserved -= 1;
  }

  /** Takes a job for which a place was reserved. */
  offer(job: LeasedJob): void {
    this.reserved -= 1;
    this.take({ job, claimed: false });
  }

  /** Takes a job that was claimed. */
  offerClaimed(job: LeasedJob): void {
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
    for (const { run } of this.running) run.stop(new StepInterruptedError('shutdown'));
    await this.handBackQueue();
    await Promise.all(this.running.map(({ ended }) => ended));
    await this.writer.flush();
  }

  private pump(): void {
    if (this.canStart) detached(() => this.startWaiting());
  }

  private get canStart(): boolean {
    return this.state === 'running' && this.running.length < this.concurrency && this.queue.length > 0;
  }

  private startWaiting(): void {
    while (this.canStart) {
      const { job, claimed } = this.queue.shift()!;
      if (claimed) {
        this.claimsWaiting -= 1;
        this.claimsBegun += 1;
      }
      if (job.lease.lost) continue;
      const running: Running = { run: this.runOf(job), ended: NOT_BEGUN };
      this.running.push(running);
      running.ended = this.runToEnd(job, running);
    }
    this.announceClaims();
  }

  private async runToEnd(job: LeasedJob, running: Running): Promise<void> {
    try {
      await running.run.run();
    } catch (error) {
      this.logger.error(`Running job ${job.gid} failed unexpectedly: ${String(error)}`);
      this.leases.drop(job.lease);
    } finally {
      this.forget(running);
      this.pump();
    }
  }

  /** In no order: the last one takes its place. */
  private forget(running: Running): void {
    const last = this.running.pop()!;
    if (last !== running) this.running[this.running.indexOf(running)] = last;
  }

  private take(waiting: WaitingJob): void {
    this.queue.push(waiting);
    if (this.state === 'stopped') void this.handBackQueue();
    else this.pump();
  }

  private announceClaims(): void {
    if (!this.onClaimsBegun || this.claimsWaiting > this.onClaimsBegun.left) return;
    const { listener } = this.onClaimsBegun;
    this.onClaimsBegun = undefined;
    listener();
  }

  private async handBackQueue(): Promise<void> {
    this.claimsWaiting = 0;
    await Promise.all(
      this.queue.clear().map(async ({ job }) => {
        if (job.lease.lost) return;
        await this.writer.write(job.lease, job.handBack(0));
        this.leases.drop(job.lease);
      }),
    );
  }
}
