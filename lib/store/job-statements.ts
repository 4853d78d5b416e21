import type { Statement } from './connections/internal.connection.js';
import type { JobChange, JobQuery, NewJob } from './job-store.js';

/** One name is enough to report a missing step, and nobody reads a longer list. */
export const MAX_OVERDUE_STEPS = 100;

/** A backlog may have any size, and jobs that nobody takes are the oldest in it. */
export const MAX_OVERDUE_ROWS = 10_000;

/**
 * What every database does with one statement. Statements that are equal in two databases are written twice: each file
 * can be reviewed on its own.
 *
 * @internal Internal to the library: it changes without notice.
 */
export interface JobStatements {
  /** Inserts a job in a transaction of the application, unless its gid is taken. */
  insert(job: NewJob): Statement;
  /** Changes a job in a transaction of the application. */
  change(change: JobChange): Statement;
  /** Deletes a row that is as it was inserted, under `owner` or, for `null`, unleased. */
  deleteNew(gid: string, owner: string | null): Statement;

  /** Answers with a `JobRow`, like `list()`. */
  find(gid: string): Statement;
  list(query: JobQuery): Statement;
  retry(gid: string): Statement;
  cancel(gid: string): Statement;

  /**
   * Looks at the next `limit` rows in gid order, whatever their status, so a page costs the same everywhere. Answers
   * with a `SweptRow` for each expired job and, in any case, for the last one.
   */
  sweep(after: string, limit: number, retention: number): Statement;
  delete(gids: readonly string[]): Statement;
  /** The unknown steps (`stepName`) among the jobs that have been due for longest. */
  overdueSteps(known: readonly string[], overdue: number): Statement;
  /** Milliseconds (`dueIn`) until the first job is due that is prepared or at one of the steps. */
  dueIn(steps: readonly string[]): Statement;
  /** Moves every stored time back by whole milliseconds. */
  elapse(milliseconds: number): Statement;
}
