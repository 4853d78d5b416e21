import type { JobStatus } from '../../core/jobs/job-info.js';
import type { JobConditions } from '../job-store.js';

/** How many jobs one search looks at. */
export const SEARCHED_JOBS = 10_000;

/** What a search goes along: all jobs, or those that have failed, in the order of their gids; or those that have not ended. */
export type SearchedIndex = 'all' | 'failed' | 'open';

/** What was found along one index. */
export interface FoundJobs {
  /** The greatest first. */
  readonly gids: readonly string[];
  /** The last gid that was looked at, where the search has stopped at so many jobs; `null` where it has looked at all of them. */
  readonly end: string | null;
}

/** How many were found along one index. */
export interface TalliedJobs {
  readonly count: number;
  /** It has looked at all of them. */
  readonly complete: boolean;
}

/**
 * Finds jobs, each call by one statement that looks at a bounded number of entries of an index. Statements take 2 s at most, where the database
 * can be told so.
 *
 * One suite (`test/contract/search-store.contract.ts`) says what every implementation must do.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class SearchStore {
  /** How many jobs are looked at along each index. */
  abstract readonly rows: number;

  /**
   * The first `limit` jobs that meet the conditions, along each of the indexes. `failed` and `open` find jobs with such a status only. All see
   * the same state of the table. Along `open`, `before` does not move what is looked at.
   *
   * @param rows looked at along the others. Default: as along `open`.
   */
  abstract look(
    indexes: readonly SearchedIndex[],
    conditions: JobConditions,
    limit: number,
    rows?: number,
  ): Promise<FoundJobs[]>;
  /** How many of the jobs that `look()` looks at meet the conditions. */
  abstract tally(indexes: readonly SearchedIndex[], conditions: JobConditions): Promise<TalliedJobs[]>;
  /** How many jobs there are, or have failed, counted up to `limit`. */
  abstract count(index: 'all' | 'failed', limit: number): Promise<number>;
}

/** Which of the jobs along an index meet the conditions. */
export function conditionsAlong(index: SearchedIndex, conditions: JobConditions): JobConditions {
  if (index === 'all') return conditions;
  const { status = OPEN, ...others } = conditions;
  return index === 'failed' ? others : { ...others, status: status.filter((one) => OPEN.includes(one)) };
}

const OPEN: readonly JobStatus[] = ['prepared', 'submitted'];
