import type { LeasedJob } from './leased-job.js';

/** How many places that have been left may stand at the front of the array. */
const LEFT = 1024;

export interface WaitingJob {
  readonly job: LeasedJob;
  /** It was claimed, not started here. */
  readonly claimed: boolean;
}

/**
 * First in, first out: an array whose front moves. Places that have been left are emptied, so that jobs which have run
 * can be collected.
 */
export class JobQueue {
  private readonly jobs: (WaitingJob | undefined)[] = [];
  private front = 0;

  get length(): number {
    return this.jobs.length - this.front;
  }

  push(job: WaitingJob): void {
    this.jobs.push(job);
  }

  shift(): WaitingJob | undefined {
    const job = this.jobs[this.front];
    if (!job) return undefined;
    this.jobs[this.front] = undefined;
    this.front += 1;
    if (this.front === this.jobs.length || this.front === LEFT) {
      this.jobs.splice(0, this.front);
      this.front = 0;
    }
    return job;
  }

  /** Takes all jobs out. */
  clear(): WaitingJob[] {
    const jobs = this.jobs.slice(this.front) as WaitingJob[];
    this.jobs.length = this.front = 0;
    return jobs;
  }
}
