import { Logger } from '@nestjs/common';
import { detached } from '../../core/jobs/detached.js';
import { StepInterruptedError } from '../../errors/index.js';
import type { HeldJob } from './held-job.js';
import type { JobRun } from './job-run.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { ProgressWriter } from './progress-writer.js';

/** How many jobs may wait in memory for each one that may run, so that draining is no round trip per job. */
const WAITING_PER_RUNNING = 8;
const MIN_WAITING = 512;

/** Runs the jobs that this process holds: a bounded queue in memory, so many at a time. */
export class JobRunner {
  private readonly logger = new Logger(JobRunner.name);
  private queue: HeldJob[] = [];
  private head = 0;
  private readonly running = new Map<JobRun, Promise<void>>();
  private reserved = 0;
  private state: 'waiting' | 'running' | 'stopped' = 'waiting';
  private onRoom: (() => void) | undefined;
  readonly capacity: number;

  constructor(
    private readonly leases: LeaseKeeper,
    private readonly writer: ProgressWriter,
    private readonly runOf: (job: HeldJob) => JobRun,
    private readonly concurrency: number,
    /** False in a process that only starts jobs. */
    readonly runsSteps: boolean,
  ) {
    this.capacity = concurrency + Math.max(MIN_WAITING, concurrency * WAITING_PER_RUNNING);
  }

  /** How many more jobs this process can take. */
  get room(): number {
    if (!this.runsSteps || this.state === 'stopped') return 0;
    return Math.max(0, this.capacity - this.waiting - this.running.size - this.reserved);
  }

  /** Keeps places for jobs that are about to come; `false` when there are not that many. */
  reserve(places = 1): boolean {
    if (this.room < places) return false;
    this.reserved += places;
    return true;
  }

  cancelReservation(places = 1): void {
    this.reserved -= places;
  }

  /** Takes a job for which a place was reserved. */
  offer(job: HeldJob): void {
    this.reserved -= 1;
    this.queue.push(job);
    if (this.state === 'stopped') void this.handBackQueue();
    else this.pump();
  }

  /** Calls back when half of the places are free, for a claim that left jobs behind. */
  whenRoom(listener: () => void): void {
    this.onRoom = listener;
    this.announceRoom();
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
    while (this.state === 'running' && this.running.size < this.concurrency && this.waiting > 0) {
      const job = this.next();
      if (job.lease.lost) continue;
      const run = this.runOf(job);
      const done = detached(() => run.run())
        .catch((error: unknown) => {
          this.logger.error(`Running job ${job.gid} failed unexpectedly: ${String(error)}`);
          this.leases.drop(job.lease);
        })
        .finally(() => {
          this.running.delete(run);
          this.pump();
          this.announceRoom();
        });
      this.running.set(run, done);
    }
  }

  private next(): HeldJob {
    const job = this.queue[this.head]!;
    this.head += 1;
    if (this.head > 1024 && this.head * 2 > this.queue.length) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
    return job;
  }

  private announceRoom(): void {
    if (!this.onRoom || this.room < this.capacity / 2) return;
    const listener = this.onRoom;
    this.onRoom = undefined;
    listener();
  }

  private async handBackQueue(): Promise<void> {
    const jobs = this.queue.slice(this.head).filter((job) => !job.lease.lost);
    this.queue = [];
    this.head = 0;
    await Promise.all(
      jobs.map(async (job) => {
        await this.writer.write(job.lease, job.handBack(0), true);
        this.leases.drop(job.lease);
      }),
    );
  }
}
