import type { Statement } from './connections/internal.connection.js';
import { placeOf } from './job-conditions.js';
import type { JobChange, JobConditions, JobQuery, LeaseKey, NewJob } from './job-store.js';
import type { SqlNotation } from './sql-notation.js';
import { fragment, RawSql, type Fragment } from './sql-template.js';

/** One name is enough to report a missing step, and nobody reads a longer list. */
const MAX_OVERDUE_STEPS = 100;

/** A backlog may have any size, and jobs that nobody takes are the oldest in it. So may the jobs that are due later. */
const MAX_OVERDUE_ROWS = 10_000;

/** The columns of a new row: `newValues()`, and the two times. */
export const NEW_COLUMNS = new RawSql(
  'gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at',
);
/** The same with `trace` in front, for a statement of which `isTraced()` is true. */
export const TRACED_COLUMNS = new RawSql(`trace, ${NEW_COLUMNS}`);

/** Whether a statement that inserts these jobs has to name the column `trace`. */
export function isTraced(jobs: readonly NewJob[]): boolean {
  return jobs.some(({ trace }) => trace !== undefined);
}

export function newValues(
  { gid, name, status, steps, stepName, owner, lookup, trace }: NewJob,
  traced: boolean,
): unknown[] {
  const values = [gid, name, status, steps, 0, stepName, 0, owner, lookup];
  return traced ? [trace ?? null, ...values] : values;
}

/** The columns of a `ClaimedJob`, without its steps, which may be large. */
export const CLAIMED_COLUMNS_WITHOUT_STEPS = new RawSql(`
  gid, status, step_index AS "stepIndex", step_name AS "stepName", attempts, mark, crashes, attempt_log AS "attemptLog",
  owner, lookup, error, trace`);

/** The columns of a `ClaimedJob`. */
export const CLAIMED_COLUMNS = new RawSql(`${CLAIMED_COLUMNS_WITHOUT_STEPS}, steps`);

/**
 * What the databases do with one statement. The subclasses say how each writes times and lists, and hold the statements
 * that differ otherwise.
 *
 * @internal Internal to the library: it changes without notice.
 */
export abstract class JobStatements {
  constructor(
    protected readonly jobs: RawSql,
    protected readonly notation: SqlNotation,
  ) {}

  /** Inserts a job in a transaction of the application, unless its gid is taken. */
  abstract insert(job: NewJob): Statement;
  /** Changes a job in a transaction of the application. */
  abstract change(change: JobChange): Statement;
  abstract delete(gids: readonly string[]): Statement;

  /** Deletes a row that is as it was inserted, under `owner` or, for `null`, unleased. */
  deleteNew(gid: string, owner: string | null): Statement {
    const isOwner = owner === null ? fragment`owner IS NULL` : fragment`owner = ${owner}`;
    return this.notation.sql`
      DELETE FROM ${this.jobs} WHERE gid = ${gid} AND ${isOwner} AND step_index = 0 AND attempts = 0`;
  }

  /** Extends leases. Nobody else sees the rows yet, unless the transaction ended unseen: so the owners are asked too. */
  renew(keys: readonly LeaseKey[], leaseDuration: number): Statement {
    const all = (column: keyof LeaseKey) =>
      this.notation.among(
        column,
        keys.map((key) => key[column]),
      );
    return this.notation.sql`
      UPDATE ${this.jobs}
         SET due_at = ${this.notation.now} + ${this.notation.duration(Math.round(leaseDuration))}
       WHERE ${all('gid')} AND ${all('owner')} AND status = 'submitted'`;
  }

  /** The current time (`now`), in epoch milliseconds. */
  time(): Statement {
    return this.notation.sql`SELECT ${this.notation.epochOf(this.notation.now)} AS "now"`;
  }

  /** Answers with a `JobRow`, like `list()`. */
  find(gid: string): Statement {
    return this.notation.sql`SELECT ${this.columns} FROM ${this.jobs} WHERE gid = ${gid}`;
  }

  /**
   * Answers with the `JobRow`s of a page, each with the number of those that were `found`: one more than the page has when
   * others follow. Only filters that are given stand in the text, and statuses as literals, so that every plan can use the
   * index of failed jobs. The steps of a job are answered only when it is known that they fit.
   */
  list(query: JobQuery): Statement {
    return this.notation.sql`
      SELECT ${this.columns}, found
        FROM (SELECT gid AS fitting, found
                FROM (SELECT gid, place, size, SUM(size) OVER (ORDER BY gid DESC) AS total, COUNT(*) OVER () AS found
                        FROM (SELECT gid, ROW_NUMBER() OVER (ORDER BY gid DESC) AS place, size
                                FROM (${query.within === undefined ? this.found(query) : this.near(query, query.within)}) AS page) AS numbered) AS summed
               WHERE place <= ${query.continued ? 0 : 1} OR (place <= ${query.limit} AND total <= ${query.maxBytes ?? Number.MAX_SAFE_INTEGER})) AS chosen
        ${this.notation.join} ${this.jobs} ON gid = fitting
       ORDER BY gid DESC`;
  }

  /** Whether a row meets all conditions. */
  meets(conditions: JobConditions): Fragment {
    const { notation } = this;
    const all = [
      ...when(conditions.status, (status) => fragment`${notation.hasStatus(status)}`),
      ...when(conditions.step, (step) => notation.amongNames('step_name', [step])),
      ...when(conditions.name, (name) => notation.amongNames('name', [name])),
      ...when(conditions.createdAfter, (date) => fragment`created_at >= ${notation.timeOf(date)}`),
      ...when(conditions.createdBefore, (date) => fragment`created_at < ${notation.timeOf(date)}`),
      ...when(
        conditions.failing,
        () => fragment`attempts > 0 AND ${notation.hasStatus(['submitted', 'failed'])}`,
      ),
      ...when(conditions.error, (part) => notation.contains('error', part)),
      ...when(conditions.args, (part) => notation.contains('steps', part)),
      ...when(conditions.before, (gid) => fragment`gid < ${gid}`),
      ...when(conditions.gids, (gids) => notation.among('gid', gids)),
    ];
    return all.reduce((joined, condition) => fragment`${joined} AND ${condition}`, fragment`TRUE`);
  }

  retry(gid: string): Statement {
    return this.notation.sql`
      UPDATE ${this.jobs}
         SET status = 'submitted', attempts = 0, mark = NULL, crashes = NULL, error = NULL, error_name = NULL, owner = NULL,
             due_at = ${this.notation.now}, ended_at = NULL
       WHERE gid = ${gid} AND status = 'failed'`;
  }

  cancel(gid: string): Statement {
    return this.notation.sql`
      UPDATE ${this.jobs}
         SET status = 'canceled', owner = NULL, due_at = NULL, ended_at = ${this.notation.now}
       WHERE gid = ${gid} AND status IN ('submitted', 'failed')`;
  }

  /**
   * Looks at the next `limit` rows in gid order, whatever their status, so a page costs the same everywhere. Answers
   * with a `SweptRow` for each expired job and, in any case, for the last one.
   */
  sweep(after: string, limit: number, retention: number): Statement {
    const oldest = this.ago(retention);
    return this.notation.sql`
      WITH page AS (
        SELECT gid, lookup,
               status IN ('succeeded', 'canceled', 'rolledBack') AND ended_at <= ${oldest} AS expired,
               created_at > ${oldest} AS young
          FROM ${this.jobs}
         WHERE gid > ${after}
         ORDER BY gid
         LIMIT ${limit}
      )
      SELECT gid, lookup, expired, young
        FROM page
       WHERE expired OR gid = (SELECT max(gid) FROM page)
       ORDER BY gid`;
  }

  /** The unknown steps (`stepName`) among the jobs that have been due longest, of which nobody holds a job. */
  overdueSteps(known: readonly string[], overdue: number): Statement {
    return this.notation.sql`
      SELECT DISTINCT step_name AS "stepName"
        FROM (SELECT status, step_name
                FROM ${this.jobs}
               WHERE due_at <= ${this.ago(overdue)}
               ORDER BY due_at
               LIMIT ${MAX_OVERDUE_ROWS}) AS oldest
       WHERE status = 'submitted' AND NOT (${this.notation.amongNames('step_name', known)})
         AND step_name NOT IN
             (SELECT step_name
                FROM (SELECT status, step_name, owner
                        FROM ${this.jobs}
                       WHERE due_at > ${this.ago(0)}
                       ORDER BY due_at
                       LIMIT ${MAX_OVERDUE_ROWS}) AS later
               WHERE status = 'submitted' AND owner IS NOT NULL)
       LIMIT ${MAX_OVERDUE_STEPS}`;
  }

  /** Milliseconds (`dueIn`) until the first job is due that is prepared or at one of the steps. */
  dueIn(steps: readonly string[]): Statement {
    return this.notation.sql`
      SELECT ${this.notation.epochOf(new RawSql('min(due_at)'))} - ${this.notation.epochOf(this.notation.now)} AS "dueIn"
        FROM ${this.jobs}
       WHERE status = 'prepared' OR (status = 'submitted' AND ${this.notation.amongNames('step_name', steps)})`;
  }

  /** Moves every stored time back by whole milliseconds. */
  elapse(milliseconds: number): Statement {
    const passed = this.notation.duration(milliseconds);
    return this.notation.sql`
      UPDATE ${this.jobs}
         SET created_at = created_at - ${passed}, due_at = due_at - ${passed}, ended_at = ended_at - ${passed}`;
  }

  /** One more than the page holds, with their sizes. */
  private found(query: JobQuery): Fragment {
    return fragment`
      SELECT gid, ${this.notation.bytesOf('steps')} AS size
        FROM ${this.jobs}
       WHERE ${this.meets(query)}
       ORDER BY gid DESC
       LIMIT ${this.notation.rows(query.limit + 1)}`;
  }

  /** The same of the first jobs of an index. */
  private near(query: JobQuery, within: number): Fragment {
    return fragment`
      SELECT gid, (SELECT ${this.notation.bytesOf('steps')} FROM ${this.jobs} AS sized WHERE sized.gid = near.gid) AS size
        FROM (SELECT gid
                FROM (SELECT gid, (${this.meets(query)}) AS met
                        FROM ${this.jobs}
                       WHERE ${this.meets(placeOf(query))}
                       ORDER BY gid DESC
                       LIMIT ${this.notation.rows(within)}) AS looked
               WHERE met
               ORDER BY gid DESC
               LIMIT ${query.limit + 1}) AS near`;
  }

  /** The columns of a `JobRow`. */
  private get columns(): Fragment {
    const [created, due, ended] = ['created_at', 'due_at', 'ended_at'].map((name) => new RawSql(name));
    return fragment`${CLAIMED_COLUMNS}, name, error_name AS "errorName", ${this.notation.epochOf(created!)} AS "createdAt",
                    ${this.notation.epochOf(due!)} AS "dueAt", ${this.notation.epochOf(ended!)} AS "endedAt"`;
  }

  /** A subquery, so that a statement reads a running clock once. */
  private ago(milliseconds: number): Fragment {
    return fragment`(SELECT ${this.notation.now} - ${this.notation.duration(milliseconds)})`;
  }
}

function when<T>(value: T | undefined, condition: (value: T) => Fragment): Fragment[] {
  return value === undefined ? [] : [condition(value)];
}
