import { setImmediate as turnOfOthers } from 'node:timers/promises';
import type { CheckedConditions } from '../../../core/jobs/job-filter.js';
import { JOB_STATUSES, type JobStatus } from '../../../core/jobs/job-info.js';
import type { BoundedCount } from '../../../core/operations/fleet-numbers.js';
import type { JobConditions, JobQuery, JobRecord, JobStore, RecordPage } from '../../../store/job-store.js';
import type { FoundJobs, SearchedIndex, SearchStore } from '../../../store/search/search-store.js';

/** How many jobs the first statement of a page looks at: most pages are full by then. */
const NEAR_JOBS = 1_000;
/** How many are looked through for a text all together, for jobs to be changed. */
const MAX_READ_JOBS = 1_000_000;

/** To return a job takes longer than to look at it, and here any number may be returned. */
const LOOKS_PER_RESULT = 2.5;

/** In which an index tells all jobs, as long as they are few. */
const UNSETTLED: readonly JobStatus[] = ['prepared', 'submitted', 'failed'];
const FAILING: readonly JobStatus[] = ['submitted', 'failed'];

/** One page of jobs, and where the next one starts; undefined after the last. */
export interface SearchedPage {
  readonly jobs: readonly JobRecord[];
  readonly next: string | undefined;
}

/**
 * Finds jobs. No statement looks at more than a bounded number of entries of an index, whatever is asked: what was not looked at is left to the
 * next page.
 */
export class JobSearch {
  constructor(
    private readonly store: JobStore,
    private readonly searches: SearchStore,
    private readonly nearJobs = NEAR_JOBS,
  ) {}

  /** How many jobs one statement looks at. */
  get rows(): number {
    return this.searches.rows;
  }

  async page(query: JobQuery): Promise<SearchedPage> {
    const wanted = { ...query, ...conditionsOf(query) };
    const { limit } = wanted;
    if (isImpossible(wanted)) return { jobs: [], next: undefined };
    if (servedBy(wanted)) return pageOf(await this.store.list(wanted));
    const within = Math.max(this.nearJobs, 2 * (limit + 1));
    const near = await this.store.list({ ...wanted, within });
    if (near.more) return pageOf(near);
    const { gids, end } = await this.lookFurther(wanted, limit + 1, within);
    const shown = gids.slice(0, limit);
    const next = (gids.length > limit ? shown.at(-1) : end) ?? undefined;
    return shown.length === 0
      ? { jobs: [], next }
      : pageOf(await this.store.list({ ...wanted, gids: shown }), next);
  }

  async count(conditions: JobConditions, limit: number): Promise<BoundedCount> {
    const wanted = conditionsOf(conditions);
    if (isImpossible(wanted)) return { count: 0, more: false };
    const index = servedBy(wanted);
    if (index) return boundedBy(limit, await this.searches.count(index, limit + 1), true);
    const indexes = indexesOf(wanted);
    let tallies = await this.searches.tally(indexes, wanted);
    if (!tallies[indexes.indexOf('open')]?.complete && indexes.includes('open'))
      tallies = await this.searches.tally(['all'], wanted);
    const count = tallies.reduce((sum, tally) => sum + tally.count, 0);
    return boundedBy(
      limit,
      count,
      tallies.every(({ complete }) => complete),
    );
  }

  /** The gids of the first `limit` jobs of a list, the least first, which among gids of the library are the oldest. */
  async gids(
    conditions: CheckedConditions,
    limit: number,
  ): Promise<{ readonly gids: readonly string[]; readonly more: boolean }> {
    const wanted = conditionsOf(conditions);
    const isRead = wanted.error !== undefined || wanted.args !== undefined;
    const rows = this.rows / LOOKS_PER_RESULT;
    const searches = isRead ? MAX_READ_JOBS / rows : Infinity;
    const gids: string[] = [];
    let before: string | null | undefined;
    for (let done = 0; before !== null; done += 1) {
      if (gids.length > limit || done >= searches)
        return { gids: gids.slice(0, limit).reverse(), more: true };
      const asked = Math.min(rows, limit + 1 - gids.length);
      const place = before === undefined ? {} : { before };
      const found = await this.look({ ...wanted, ...place }, asked, rows);
      gids.push(...found.gids);
      // SQLite answers without letting anything else run.
      await turnOfOthers();
      before = found.gids.length === asked ? found.gids.at(-1)! : found.end;
    }
    return { gids: gids.reverse(), more: false };
  }

  /** Of many failed jobs a page needs few. */
  private async lookFurther(wanted: JobConditions, limit: number, within: number): Promise<FoundJobs> {
    if (indexesOf(wanted).length > 1 && within < this.searches.rows) {
      const found = await this.look(wanted, limit, within);
      if (found.gids.length === limit || found.end === null) return found;
    }
    return this.look(wanted, limit);
  }

  /** Jobs that have not ended are read all together, where they are few; among many, some are found soon in the order of gids. */
  private async look(wanted: JobConditions, limit: number, rows?: number): Promise<FoundJobs> {
    const indexes = indexesOf(wanted);
    const found = await this.searches.look(indexes, wanted, limit, rows);
    const open = found[indexes.indexOf('open')];
    if (!open) return found[0]!;
    if (open.end !== null) return (await this.searches.look(['all'], wanted, limit, rows))[0]!;
    const end = found[indexes.indexOf('failed')]?.end ?? null;
    const gids = found.flatMap((part) => part.gids).filter((gid) => end === null || gid >= end);
    return { gids: gids.sort(descending).slice(0, limit), end };
  }
}

/** Without those that were left out, and with the only statuses that are possible. */
export function conditionsOf(checked: CheckedConditions | JobConditions): JobConditions {
  const given: JobConditions = Object.fromEntries(
    Object.entries(checked).filter(([, value]) => value !== undefined),
  );
  const { status, failing } = given;
  if (status === undefined && !failing) return given;
  const possible = failing ? FAILING : JOB_STATUSES;
  return { ...given, status: possible.filter((one) => status === undefined || status.includes(one)) };
}

function isImpossible({ status }: JobConditions): boolean {
  return status?.length === 0;
}

/** The index that has the jobs of a list and no others. */
function servedBy(conditions: JobConditions): 'all' | 'failed' | undefined {
  const { status, step, name, createdAfter, createdBefore, failing, error, args } = conditions;
  if ([step, name, createdAfter, createdBefore, failing, error, args].some((value) => value !== undefined))
    return undefined;
  if (status === undefined || status.length === JOB_STATUSES.length) return 'all';
  return isFailedOnly(status) ? 'failed' : undefined;
}

/** Those that have all jobs with these statuses. */
function indexesOf({ status = JOB_STATUSES }: JobConditions): readonly SearchedIndex[] {
  if (isFailedOnly(status)) return ['failed'];
  if (!status.every((one) => UNSETTLED.includes(one))) return ['all'];
  return status.includes('failed') ? ['open', 'failed'] : ['open'];
}

function isFailedOnly(status: readonly JobStatus[]): boolean {
  return status.length === 1 && status[0] === 'failed';
}

/** @param next where the next page starts, unless this one has ended before. */
function pageOf({ jobs, more }: RecordPage, next?: string): SearchedPage {
  return { jobs, next: more ? jobs.at(-1)!.gid : next };
}

function boundedBy(limit: number, found: number, complete: boolean): BoundedCount {
  return { count: Math.min(found, limit), more: found > limit || !complete };
}

function descending(left: string, right: string): number {
  return left < right ? 1 : -1;
}
