import { setImmediate } from 'node:timers/promises';
import type { MissingStore } from '../core/jobs/missing-store.js';
import type { DistributedJobs } from '../core/jobs/distributed-jobs.js';
import type { JobFilter, JobInfo } from '../core/jobs/job-info.js';
import { given } from './jobs-query.js';
import type { ShownData } from './shown-data.js';
import { Turns } from './turns.js';

/** How many jobs are read at a time: few at first, since those of one may be megabytes, and more while that is quick. */
const FIRST_READ = 10;
const MOST_READ = 250;
const QUICK_MS = 50;
/** Nothing else waits for longer than this, and the job that is looked at. */
const BLOCK_MS = 15;

/** Jobs that were found, the first ones of a list. */
export interface FoundJobs {
  readonly jobs: readonly JobInfo[];
  /** Where it goes on; absent where all was looked at. */
  readonly cursor?: string;
  /** Stores that could not be asked the last time. */
  readonly missing?: readonly MissingStore[];
}

export interface SearchBounds {
  /** Where to begin. */
  readonly cursor?: string | undefined;
  /** When so many are found, it ends with the jobs that were read with the last of them. */
  readonly enough: number;
  /** How many jobs are looked at. */
  readonly lookedAt: number;
  /** For how long, in milliseconds; the first jobs are looked at in any case. Default: no bound. */
  readonly forMs?: number;
}

/**
 * Looks for texts in the errors and arguments of jobs, as they are shown: masked.
 *
 * The store could look as well, and through more jobs at a time. But it looks at what is stored: whoever asks it for `"password":"a`,
 * `"password":"b` and so on reads what is masked from whether, how many and how fast it finds. Here it is nowhere to be found, and what is
 * read does not depend on it.
 */
export class JobSearch {
  constructor(
    private readonly jobs: DistributedJobs,
    private readonly shown: ShownData,
    /** Of all searches: jobs with large arguments fill the memory, and looking through them takes the processor. */
    private readonly turns = new Turns(1),
  ) {}

  /** Whether a filter looks for a text. */
  static isFor({ error, args }: JobFilter): boolean {
    return error !== undefined || args !== undefined;
  }

  /**
   * The jobs that were found come without their arguments.
   *
   * @throws SteppingError where the manager cannot look for texts.
   */
  async find(filter: JobFilter, bounds: SearchBounds): Promise<FoundJobs> {
    const refusal = this.jobs.refusalOf('search');
    if (refusal) throw refusal;
    const { cursor, enough, lookedAt, forMs = Infinity } = bounds;
    const until = performance.now() + forMs;
    const found: JobInfo[] = [];
    let next = cursor;
    let missing: FoundJobs['missing'];
    let size = FIRST_READ;
    let read = 0;
    do {
      const limit = Math.min(size, lookedAt - read);
      const began = performance.now();
      const page = await this.turns.take(() => this.look(filter, limit, next));
      if (performance.now() - began < QUICK_MS) size = Math.min(size * 2, MOST_READ);
      found.push(...page.jobs);
      ({ cursor: next, missing } = page);
      read += limit;
    } while (next !== undefined && read < lookedAt && found.length < enough && performance.now() < until);
    return { jobs: found, ...given({ cursor: next, missing }) };
  }

  /** Whether the job is still one of those that are looked for: it may have changed since it was found. */
  async finds(gid: string, filter: JobFilter): Promise<boolean> {
    const { status } = filter;
    const job = await this.jobs.find(gid);
    if (!job || (status !== undefined && ![status].flat().includes(job.status))) return false;
    return this.shows(job, filter);
  }

  private async look(filter: JobFilter, limit: number, cursor: string | undefined): Promise<FoundJobs> {
    // Some drivers answer without letting anything else run.
    await setImmediate();
    const { error: _error, args, ...conditions } = filter;
    const includeArgs = args !== undefined;
    const page = await this.jobs.list({ ...conditions, includeArgs, limit, ...given({ cursor }) });
    const found: JobInfo[] = [];
    let began = performance.now();
    for (const job of page.jobs) {
      if (performance.now() - began >= BLOCK_MS) {
        await setImmediate();
        began = performance.now();
      }
      if (this.shows(job, filter)) found.push(withoutArgs(job));
    }
    return { jobs: found, ...given({ cursor: page.cursor, missing: page.missing }) };
  }

  private shows(job: JobInfo, { error, args }: JobFilter): boolean {
    return (
      (error === undefined || (this.shown.error(job) ?? '').includes(error)) &&
      (args === undefined || this.shown.storedSteps(job).includes(args))
    );
  }
}

function withoutArgs(job: JobInfo): JobInfo {
  return { ...job, steps: job.steps.map(({ args: _args, ...step }) => step) };
}
