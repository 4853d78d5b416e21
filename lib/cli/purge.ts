import { gidsLaterThan } from '../core/jobs/gid.js';
import { RetentionService } from '../tm/self/retention.service.js';

/** Rows that are looked at together. */
const PAGE = 500;

/** The retention of ended jobs, at once. */
export class Purge extends RetentionService {
  /** How many jobs there are to delete, counted up to one more than `limit`. */
  async count(limit: number): Promise<number> {
    let found = 0;
    let after = '';
    while (found <= limit) {
      const { jobs, next, young } = await this.store.expired(after, PAGE, this.retention);
      found += jobs.length;
      if (next === null) break;
      after = (young ? gidsLaterThan(next, this.retention) : undefined) ?? next;
    }
    return found;
  }

  /** Goes through the table once, until the time is over; tells how many jobs were deleted, and whether it has come to the end. */
  async all(until: number): Promise<{ readonly deleted: number; readonly complete: boolean }> {
    do await this.work();
    while (this.cursor !== '' && performance.now() < until);
    return { deleted: this.deleted, complete: this.cursor === '' };
  }
}
