import type { Statement } from '../connections/internal.connection.js';
import { MAX_OVERDUE_ROWS, MAX_OVERDUE_STEPS, type JobStatements } from '../job-statements.js';
import type { JobChange, JobQuery, NewJob } from '../job-store.js';
import { numberedSql as sql, RawSql } from '../sql-template.js';

/** The columns of a `ClaimedJob`. */
export const CLAIMED_COLUMNS = new RawSql(`
  j.gid, j.status, j.steps, j.step_index AS "stepIndex", j.attempts, j.attempt_log AS "attemptLog", j.owner, j.lookup,
  j.error`);

/** The columns of a `JobRow`. */
const JOB_COLUMNS = new RawSql(`
  ${CLAIMED_COLUMNS}, j.name, j.step_name AS "stepName",
  (extract(epoch FROM j.created_at) * 1000)::float8 AS "createdAt",
  (extract(epoch FROM j.due_at) * 1000)::float8 AS "dueAt",
  (extract(epoch FROM j.ended_at) * 1000)::float8 AS "endedAt"`);

/** What PostgreSQL does with one statement. */
export class PostgresJobStatements implements JobStatements {
  private readonly insertSql: string;

  constructor(private readonly jobs: RawSql) {
    // Sent with every job: built once, and without the layout.
    this.insertSql = `
      INSERT INTO ${jobs}
        (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
      VALUES ($1, $2, $3, $4, 0, $5, 0, $6, $7,
              clock_timestamp(), clock_timestamp() + $8::float8 * interval '1 millisecond')`
      .replace(/\s+/g, ' ')
      .trim();
  }

  insert(job: NewJob): Statement {
    const { sql: insert, params } = this.insertNew(job);
    return { sql: `${insert} ON CONFLICT (gid) DO NOTHING`, params };
  }

  /** For a gid that nobody else can have: finding it taken is an error. */
  insertNew(job: NewJob): Statement {
    return {
      sql: this.insertSql,
      params: [job.gid, job.name, job.status, job.steps, job.stepName, job.owner, job.lookup, job.dueIn],
    };
  }

  insertAll(jobs: readonly NewJob[]): Statement {
    const all = (column: keyof NewJob): unknown[] => jobs.map((job) => job[column]);
    return sql`
      INSERT INTO ${this.jobs} AS j
        (gid, name, status, steps, step_index, step_name, attempts, owner, lookup, created_at, due_at)
      SELECT n.gid, n.name, n.status, n.steps, 0, n.step_name, 0, n.owner, n.lookup,
             clock_timestamp(), clock_timestamp() + n.due_in * interval '1 millisecond'
        FROM unnest(${all('gid')}::text[], ${all('name')}::text[], ${all('status')}::text[], ${all('steps')}::text[],
                    ${all('stepName')}::text[], ${all('owner')}::text[], ${all('lookup')}::text[], ${all('dueIn')}::float8[])
          AS n(gid, name, status, steps, step_name, owner, lookup, due_in)
       ORDER BY n.gid COLLATE "C"
          ON CONFLICT (gid) DO NOTHING
      RETURNING j.gid`;
  }

  change(change: JobChange): Statement {
    const keep = change.due === 'keep';
    return sql`
      UPDATE ${this.jobs} j
         SET status = ${change.status}::text,
             step_index = ${change.stepIndex},
             step_name = ${change.stepName},
             attempts = ${change.attempts},
             attempt_log = COALESCE(${change.attemptLog}, j.attempt_log),
             error = ${change.error},
             owner = CASE WHEN ${change.release}::bool THEN NULL ELSE j.owner END,
             due_at = CASE WHEN ${keep}::bool THEN j.due_at
                           ELSE clock_timestamp() + ${keep ? null : change.due}::float8 * interval '1 millisecond' END,
             ended_at = CASE WHEN ${change.status}::text = 'submitted' THEN NULL ELSE clock_timestamp() END
       WHERE j.gid = ${change.gid} AND j.owner = ${change.owner} AND j.step_index = ${change.atStep}
         AND j.status = 'submitted'`;
  }

  deleteNew(gid: string, owner: string | null): Statement {
    return sql`
      DELETE FROM ${this.jobs} j
       WHERE j.gid = ${gid} AND j.owner IS NOT DISTINCT FROM ${owner} AND j.step_index = 0 AND j.attempts = 0`;
  }

  find(gid: string): Statement {
    return sql`SELECT ${JOB_COLUMNS} FROM ${this.jobs} j WHERE j.gid = ${gid}`;
  }

  list(query: JobQuery): Statement {
    const { status = null, step = null, name = null, before = null, limit } = query;
    const createdAfter = query.createdAfter?.getTime() ?? null;
    const createdBefore = query.createdBefore?.getTime() ?? null;
    return sql`
      SELECT ${JOB_COLUMNS}
        FROM ${this.jobs} j
       WHERE (${status}::text[] IS NULL OR j.status = ANY (${status}::text[]))
         AND (${step}::text IS NULL OR j.step_name = ${step}::text)
         AND (${name}::text IS NULL OR j.name = ${name}::text)
         AND (${createdAfter}::float8 IS NULL OR j.created_at >= to_timestamp(${createdAfter}::float8 / 1000))
         AND (${createdBefore}::float8 IS NULL OR j.created_at < to_timestamp(${createdBefore}::float8 / 1000))
         AND (${before}::text IS NULL OR j.gid < ${before}::text)
       ORDER BY j.gid DESC
       LIMIT ${limit}`;
  }

  retry(gid: string): Statement {
    return sql`
      UPDATE ${this.jobs} j
         SET status = 'submitted', attempts = 0, error = NULL, owner = NULL, due_at = clock_timestamp(), ended_at = NULL
       WHERE j.gid = ${gid} AND j.status = 'failed'`;
  }

  cancel(gid: string): Statement {
    return sql`
      UPDATE ${this.jobs} j
         SET status = 'canceled', owner = NULL, due_at = NULL, ended_at = clock_timestamp()
       WHERE j.gid = ${gid} AND j.status IN ('submitted', 'failed')`;
  }

  sweep(after: string, limit: number, retention: number): Statement {
    return sql`
      WITH oldest AS MATERIALIZED (
        SELECT clock_timestamp() - ${retention}::float8 * interval '1 millisecond' AS kept
      ), page AS MATERIALIZED (
        SELECT j.gid, j.lookup,
               j.status IN ('succeeded', 'canceled', 'rolledBack') AND j.ended_at <= (SELECT kept FROM oldest) AS expired,
               j.created_at > (SELECT kept FROM oldest) AS young
          FROM ${this.jobs} j
         WHERE j.gid > ${after}
         ORDER BY j.gid
         LIMIT ${limit}
      )
      SELECT gid, lookup, expired, young
        FROM page
       WHERE expired OR gid = (SELECT max(gid) FROM page)
       ORDER BY gid`;
  }

  delete(gids: readonly string[]): Statement {
    return sql`
      WITH locked AS MATERIALIZED (
        SELECT l.gid FROM ${this.jobs} l
         WHERE l.gid = ANY (${gids}::text[]) AND l.status IN ('succeeded', 'canceled', 'rolledBack')
         ORDER BY l.gid
           FOR UPDATE SKIP LOCKED
      )
      DELETE FROM ${this.jobs} j USING locked WHERE j.gid = locked.gid`;
  }

  /** The order is for the planner: it expects a third of all rows to be overdue, and would read them all at once. */
  overdueSteps(known: readonly string[], overdue: number): Statement {
    return sql`
      SELECT DISTINCT o.step_name AS "stepName"
        FROM (SELECT j.status, j.step_name
                FROM ${this.jobs} j
               WHERE j.due_at <= (SELECT clock_timestamp() - ${overdue}::float8 * interval '1 millisecond')
               ORDER BY j.due_at
               LIMIT ${MAX_OVERDUE_ROWS}) o
       WHERE o.status = 'submitted'
         AND o.step_name <> ALL (${known}::text[])
       LIMIT ${MAX_OVERDUE_STEPS}`;
  }

  dueIn(steps: readonly string[]): Statement {
    return sql`
      SELECT (extract(epoch FROM min(j.due_at) - clock_timestamp()) * 1000)::float8 AS "dueIn"
        FROM ${this.jobs} j
       WHERE j.status = 'prepared' OR (j.status = 'submitted' AND j.step_name = ANY (${steps}::text[]))`;
  }

  elapse(milliseconds: number): Statement {
    return sql`
      UPDATE ${this.jobs} j
         SET created_at = j.created_at - t.passed, due_at = j.due_at - t.passed, ended_at = j.ended_at - t.passed
        FROM (SELECT ${milliseconds}::float8 * interval '1 millisecond' AS passed) t`;
  }
}
