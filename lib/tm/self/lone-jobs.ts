import type { LeasedJob } from './leased-job.js';

/**
 * Jobs that were at work when their processes ended, and may have caused that. They wait here, in order, to run one at a time.
 */
export class LoneJobs {
  private jobs: LeasedJob[] = [];

  /** @param capacity how many may wait at most. */
  constructor(private readonly capacity: number) {}

  get waiting(): number {
    return this.jobs.length;
  }

  /** False where enough of them wait. */
  push(job: LeasedJob): boolean {
    if (this.jobs.length >= this.capacity) return false;
    this.jobs.push(job);
    return true;
  }

  /** Takes the first one that may begin. */
  shift(mayBegin: (job: LeasedJob) => boolean): LeasedJob | undefined {
    const at = this.jobs.findIndex(mayBegin);
    return at < 0 ? undefined : this.jobs.splice(at, 1)[0];
  }

  /** Takes all that are to go. */
  take(goes: (job: LeasedJob) => boolean = () => true): LeasedJob[] {
    const taken: LeasedJob[] = [];
    const left: LeasedJob[] = [];
    for (const job of this.jobs) (goes(job) ? taken : left).push(job);
    this.jobs = left;
    return taken;
  }
}
