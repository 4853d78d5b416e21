import type { Statement } from './connections/internal.connection.js';
import type { JobRow } from './job-table.js';

export interface JobFilter {
  readonly status?: readonly string[];
  readonly step?: string;
  readonly name?: string;
  readonly createdAfter?: Date;
  readonly createdBefore?: Date;
  readonly limit: number;
  readonly before?: string;
}

/** One row of the sweep over all jobs. */
export interface SweptRow {
  readonly gid: string;
  readonly lookup: string | null;
  /** It has ended, and its retention is over. */
  readonly expired: boolean | number | string;
  /** It was created within the retention. */
  readonly young: boolean | number | string;
}

/** Because one name is enough to report a missing step, and nobody reads a list longer than this. */
export const MAX_OVERDUE_STEPS = 100;

/** Because a backlog may have any size, and what nobody takes comes to stand at its front. */
export const MAX_OVERDUE_ROWS = 10_000;

/**
 * The SQL by which jobs are looked up, repaired and cleared away, for one database.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class JobCatalog {
  abstract findStatement(gid: string): Statement;
  abstract list(filter: JobFilter): Promise<JobRow[]>;
  abstract retry(gid: string): Promise<boolean>;
  abstract cancel(gid: string): Promise<boolean>;

  /**
   * Looks at the next `limit` rows in gid order, whatever their status, so that a page costs the same everywhere. Answers with
   * those that have expired and, in any case, with the last one.
   */
  abstract sweep(after: string, limit: number, retention: number): Promise<SweptRow[]>;
  abstract delete(gids: readonly string[]): Promise<void>;
  /** Among the jobs that have been due for longest, the steps that are not among the known ones. */
  abstract overdueSteps(known: readonly string[], overdue: number): Promise<string[]>;

  /** Milliseconds until the first job is due that is prepared or stands at one of the steps; null for none. */
  abstract dueIn(steps: readonly string[]): Promise<number | string | null>;
  /** Moves every time that is stored back by so many whole milliseconds. */
  abstract elapse(milliseconds: number): Promise<void>;
}
