import { HttpStatus } from '@nestjs/common';
import type { DistributedJobs } from '../core/jobs/distributed-jobs.js';
import type { JobFilter, JobStatus } from '../core/jobs/job-info.js';
import type { BulkResult } from '../core/jobs/job-operations.js';
import type { SteppingOperations } from '../core/operations/stepping-operations.js';
import { JobNotFoundError, JobStateError } from '../errors/index.js';
import type { BulkAnswer } from './api.js';
import { DashboardRequestError } from './dashboard.errors.js';
import type { ResolvedDashboardOptions } from './dashboard.options.js';
import { refuseUnseen } from './features.js';
import { JobSearch } from './job-search.js';
import { CONDITIONS, filterOf, given } from './jobs-query.js';
import type { Mask } from './mask.js';
import { PartReader } from './part-reader.js';
import { flag, invalid, readFields, required, text, wholeNumber, type Fields } from './request-fields.js';
import { ShownData } from './shown-data.js';
import { StoreClock } from './store-clock.js';
import { wire } from './wire.js';

const MAX_REASON = 2000;
const MAX_JOBS = 10_000;
/** How many jobs are looked through for a text. */
const SEARCHED_JOBS = 10_000;

const BULK = {
  filter: required((value: unknown) => (value === undefined ? undefined : readFields(value, CONDITIONS))),
  reason: required(text(MAX_REASON)),
  dryRun: required(flag),
  limit: wholeNumber(1, MAX_JOBS),
  counted: wholeNumber(1, MAX_JOBS),
};
const BULK_RETRY = { ...BULK, spread: text(32) };

type Request = Fields<typeof BULK> & { readonly spread?: string | undefined };

/** What can be done to one job, and in which states. */
interface Action {
  readonly feature: 'retryAll' | 'cancelAll';
  readonly possible: readonly JobStatus[];
  readonly all: (filter: JobFilter, request: Request) => Promise<BulkResult>;
  readonly one: (gid: string) => Promise<void>;
}

/**
 * What is done to many jobs. A dry run tells what is meant: where the page sends back its `before` and how many were counted, jobs that are created
 * after it are left out, and where older ones have come to match, nothing is done.
 *
 * Where the filter looks for a text, the jobs are those that the page would show for it, and they are changed one by one. The store would find
 * the text in what is masked as well: how many it finds would tell, letter by letter, what nobody is shown.
 */
export class BulkOperator {
  private readonly shown: ShownData;
  private readonly search: JobSearch;
  private readonly parts = new PartReader();

  constructor(
    private readonly jobs: DistributedJobs,
    private readonly operations: SteppingOperations,
    private readonly options: ResolvedDashboardOptions,
    mask: Mask,
  ) {
    this.shown = new ShownData(mask);
    this.search = new JobSearch(jobs, this.shown);
  }

  retryAll(body: unknown, by: string): Promise<BulkAnswer> {
    const request = readFields(body, BULK_RETRY);
    const { reason } = request;
    return this.run(request, {
      feature: 'retryAll',
      possible: ['failed'],
      all: (filter, { dryRun, limit = MAX_JOBS, spread }) =>
        this.jobs.retryAll(filter, { reason, by, dryRun, limit, ...given({ spread }) }),
      one: (gid) => this.jobs.retry(gid, { reason, by }),
    });
  }

  cancelAll(body: unknown, by: string): Promise<BulkAnswer> {
    const request = readFields(body, BULK);
    const { reason } = request;
    return this.run(request, {
      feature: 'cancelAll',
      possible: ['submitted', 'failed'],
      all: (filter, { dryRun, limit = MAX_JOBS }) =>
        this.jobs.cancelAll(filter, { reason, by, dryRun, limit }),
      one: (gid) => this.jobs.cancel(gid, { reason, by }),
    });
  }

  private async run(request: Request, action: Action): Promise<BulkAnswer> {
    const refusal = this.jobs.refusalOf(action.feature);
    if (refusal) throw refusal;
    const filter = filterOf(request.filter);
    refuseUnseen(filter, this.options);
    const before = request.filter.before ?? (await this.now());
    const bounded = { ...filter, createdBefore: before };
    const run = (how: Request): Promise<BulkResult> =>
      JobSearch.isFor(filter) ? this.oneByOne(bounded, how, action) : action.all(bounded, how);
    const { counted, dryRun, limit = counted } = request;
    if (counted !== undefined && !dryRun) {
      const { matched } = await run({ ...request, dryRun: true, limit: MAX_JOBS });
      if (matched > counted) throw changed(matched, counted);
    }
    const result = await run({ ...request, limit });
    return { ...result, ...this.shown.missing(result), before: wire(before) };
  }

  private async now(): Promise<Date> {
    const clock = new StoreClock();
    const { value } = await this.parts.read('the time of the store', () => this.operations.overview());
    if (value) clock.told(value.at);
    return clock.now();
  }

  private async oneByOne(filter: JobFilter, request: Request, action: Action): Promise<BulkResult> {
    const { limit = MAX_JOBS, dryRun, spread } = request;
    const { status = action.possible } = filter;
    if (spread !== undefined) throw invalid("'spread' is not possible with 'error' or 'args'.");
    if (![status].flat().every((one) => action.possible.includes(one))) {
      throw invalid(`'status' must be left out, or ${action.possible.join(' or ')}.`);
    }
    const found = await this.search.find(
      { ...filter, status },
      { enough: limit + 1, lookedAt: SEARCHED_JOBS },
    );
    const jobs = found.jobs.slice(0, limit);
    const more = found.jobs.length > limit || found.cursor !== undefined;
    let changed = 0;
    // The oldest first.
    for (const { gid } of dryRun ? [] : jobs.toReversed()) {
      const isMeant = await this.search.finds(gid, { ...filter, status });
      if (isMeant && (await isDone(() => action.one(gid)))) changed += 1;
    }
    return { matched: jobs.length, changed, more, ...given({ missing: found.missing }) };
  }
}

function changed(matched: number, counted: number): DashboardRequestError {
  const text = `${matched} jobs match by now, not ${counted}. Nothing was done: look at them again.`;
  return new DashboardRequestError(HttpStatus.CONFLICT, 'CHANGED', text);
}

/** False for a job that has changed meanwhile. */
async function isDone(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof JobStateError || error instanceof JobNotFoundError) return false;
    throw error;
  }
}
