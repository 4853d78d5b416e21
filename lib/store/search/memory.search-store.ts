import { meets } from '../job-conditions.js';
import type { JobConditions } from '../job-store.js';
import type { MemoryJob, MemoryJobStore } from '../memory.job-store.js';
import {
  conditionsAlong,
  SEARCHED_JOBS,
  SearchStore,
  type FoundJobs,
  type SearchedIndex,
  type TalliedJobs,
} from './search-store.js';

/**
 * Finds jobs of a memory store.
 *
 * @internal Internal to the library: it changes without notice.
 */
export class MemorySearchStore extends SearchStore {
  constructor(
    private readonly store: MemoryJobStore,
    override readonly rows: number = SEARCHED_JOBS,
  ) {
    super();
  }

  override async look(
    indexes: readonly SearchedIndex[],
    conditions: JobConditions,
    limit: number,
    rows = this.rows,
  ): Promise<FoundJobs[]> {
    return indexes.map((index) => {
      const most = index === 'open' ? this.rows : rows;
      const looked = this.along(index, conditions, most);
      const gids = met(looked, index, conditions).map(({ gid }) => gid);
      return { gids: gids.slice(0, limit), end: looked.length < most ? null : looked.at(-1)!.gid };
    });
  }

  override async tally(indexes: readonly SearchedIndex[], conditions: JobConditions): Promise<TalliedJobs[]> {
    return indexes.map((index) => {
      const looked = this.along(index, conditions, this.rows);
      return { count: met(looked, index, conditions).length, complete: looked.length < this.rows };
    });
  }

  override async count(index: 'all' | 'failed', limit: number): Promise<number> {
    return Math.min(limit, this.store.found(index === 'failed' ? { status: ['failed'] } : {}).length);
  }

  /** Newest gid first. */
  private along(index: SearchedIndex, { before }: JobConditions, rows: number): MemoryJob[] {
    const place = before === undefined || index === 'open' ? {} : { before };
    const entries = this.store.found(index === 'failed' ? { status: ['failed'], ...place } : place);
    return entries.filter(({ dueAt }) => index !== 'open' || dueAt !== null).slice(0, rows);
  }
}

function met(looked: readonly MemoryJob[], index: SearchedIndex, conditions: JobConditions): MemoryJob[] {
  const along = conditionsAlong(index, conditions);
  return looked.filter((job) => meets(job, along));
}
