import type { CheckedConditions } from '../../../core/jobs/job-filter.js';
import type { BoundedCount } from '../../../core/operations/fleet-numbers.js';
import type { JobConditions, JobQuery, JobRecord, JobStore } from '../../../store/job-store.js';
import type { SteeringStore } from '../../../store/steering/steering-store.js';

/** How many jobs a statement looks through for a text. */
const SEARCHED_ROWS = 10_000;
/** How often all together, for jobs to be changed. */
const MAX_SEARCHES = 100;
const PAGE = 1000;

/** One page of jobs, and where the next one starts; undefined after the last. */
export interface SearchedPage {
  readonly jobs: readonly JobRecord[];
  readonly next: string | undefined;
}

/** Finds jobs. Texts have no index: they are looked for in so many jobs at a time. */
export class JobSearch {
  constructor(
    private readonly store: JobStore,
    private readonly steering: SteeringStore,
  ) {}

  async page(query: JobQuery): Promise<SearchedPage> {
    const end = await this.endOf(query);
    const page = await this.store.list({ ...query, ...from(end) });
    return { jobs: page.jobs, next: (page.more ? page.jobs.at(-1)!.gid : end) ?? undefined };
  }

  async count(conditions: JobConditions, limit: number): Promise<BoundedCount> {
    const end = await this.endOf(conditions);
    const found = await this.store.count({ ...conditions, ...from(end) }, limit + 1);
    return { count: Math.min(found, limit), more: found > limit || end !== null };
  }

  /** The gids of the first `limit` jobs of a list, the least first, which among gids of the library are the oldest. */
  async gids(
    conditions: CheckedConditions,
    limit: number,
  ): Promise<{ readonly gids: readonly string[]; readonly more: boolean }> {
    const wanted = conditionsOf(conditions);
    const gids: string[] = [];
    let before: string | undefined;
    for (let searches = 0; searches < MAX_SEARCHES; searches += 1) {
      const end = await this.endOf({ ...wanted, ...until(before) });
      for (;;) {
        const rows = Math.min(PAGE, limit + 1 - gids.length);
        const page = await this.steering.find({ ...wanted, ...until(before), ...from(end) }, rows);
        gids.push(...page);
        if (gids.length > limit) return { gids: gids.slice(0, limit).reverse(), more: true };
        if (page.length < rows) break;
        before = page.at(-1);
      }
      if (end === null) return { gids: gids.reverse(), more: false };
      before = end;
    }
    return { gids: gids.reverse(), more: true };
  }

  private async endOf(conditions: JobConditions): Promise<string | null> {
    const { error, args } = conditions;
    if (error === undefined && args === undefined) return null;
    return this.store.endOfSearch(conditions, SEARCHED_ROWS);
  }
}

/** Without those that were left out. */
export function conditionsOf(checked: CheckedConditions): JobConditions {
  return Object.fromEntries(Object.entries(checked).filter(([, value]) => value !== undefined));
}

function from(gid: string | null): { from?: string } {
  return gid === null ? {} : { from: gid };
}

function until(gid: string | undefined): { before?: string } {
  return gid === undefined ? {} : { before: gid };
}
